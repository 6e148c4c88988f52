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
        ],
        CheckOption.harmless("stream", "include_content", "collect_response_time", "enable_http_outcome_tag"),
        CheckOption.harmless("check_hostname", "ignore_ssl_warning", "use_truststore"),
        CheckOption.harmless("skip_event", "window", "threshold", "weakciphers", "ssl_verify"),
        CheckOption.harmless("no_proxy"),
        CheckOption.refused("include_default_headers", unless: ["true"]),
        CheckOption.refused(
            "check_certificate_expiration", unless: ["false"],
            "upstream judges the certificate's expiry unless it is false; this agent does not yet"),
        CheckOption.refused("days_warning", "days_critical", "seconds_warning", "seconds_critical"),
        CheckOption.refused("use_cert_from_response", "tls_retrieve_non_validated_cert", unless: ["false"]),
        CheckOption.refused("ssl_server_name"), httpLayer)
}
