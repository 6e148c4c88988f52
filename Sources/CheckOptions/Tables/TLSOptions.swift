extension CheckTable {
    /// `tls`.
    static let tlsCheck = CheckTable(
        "tls",
        [
            .followed("server"), .followed("port"), .followed("local_cert_path"), .followed("server_hostname"),
            .followed("allowed_versions", .both), .followed("start_tls"),
            .followed("tls_verify", .instance, "true unless set; without it the name is still checked"),
            .followed("validate_cert", .instance, "as tls_verify"),
            .followed("tls_validate_hostname"), .followed("validate_hostname", .instance, "as tls_validate_hostname"),
            .followed(
                "tls_ca_cert", .instance, "a file, or a directory as openssl rehash prepares it; implies tls_verify"),
            .followed("ca_cert", .instance, "as tls_ca_cert"), .followed("tls_cert"),
            .followed("cert", .instance, "as tls_cert"), .followed("tls_private_key"),
            .followed("private_key", .instance, "as tls_private_key"), .followed("tls_private_key_password"),
            .followed("tls_ciphers"), .followed("days_critical"), .followed("seconds_critical"),
            .followed("timeout", .instance, "the whole run: name resolution, every address and the handshake"),
        ],
        CheckOption.harmless(
            "days_warning", "seconds_warning", in: .instance,
            "with a warning the check is up; the time left is in the metrics"),
        CheckOption.harmless("transport", "send_cert_duration"),
        CheckOption.refused("fetch_intermediate_certs", unless: ["false"], in: .both),
        CheckOption.harmless("intermediate_cert_refresh_interval", in: .both),
        CheckOption.refused("certificate_stores", "cert_subject"),
        CheckOption.harmless("tls_ignore_warning", "tls_protocols_allowed"))
}
