extension CheckTable {
    /// `http_check`.
    static let httpCheck = CheckTable(
        "http_check",
        [
            .followed("url"), .followed("method"), .followed("data"), .followed("http_response_status_code"),
            .followed("content_match"), .followed("reverse_content_match"),
            .followed("tls_verify", .instance, "false unless set, as upstream"),
            .followed("disable_ssl_validation", .instance, "the opposite of tls_verify"),
            .followed("ca_certs", .both, "as tls_ca_cert"), .followed("client_cert", .instance, "as tls_cert"),
            .followed("client_key", .instance, "as tls_private_key"),
            .followed(
                "check_certificate_expiration", .instance,
                "on a connection of its own, not through a proxy; what upstream calls critical fails the check"
            ),
            .followed("days_critical"), .followed("seconds_critical"),
            .followed("tls_retrieve_non_validated_cert"), .followed("ssl_server_name"),
            .followed("tls_validate_hostname", .instance, "for the certificate's expiry, as upstream has it"),
            .followed("check_hostname", .instance, "as tls_validate_hostname"),
            .followed("stream", .instance, "the body is not read unless content_match needs it"),
            .followed("use_cert_from_response", .instance, "with it, tls_verify is true unless set"),
            .followed("no_proxy", .instance, "as skip_proxy"), .followed("include_default_headers"),
        ],
        CheckOption.harmless("include_content", "collect_response_time", "enable_http_outcome_tag"),
        CheckOption.harmless(
            "days_warning", "seconds_warning", in: .instance,
            "with a warning the check is up; the time left is in the metrics"),
        CheckOption.harmless("ignore_ssl_warning", "use_truststore"),
        CheckOption.harmless("skip_event", "window", "threshold", "weakciphers", "ssl_verify"),
        httpLayer)
}
