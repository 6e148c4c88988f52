extension CheckTable {
    /// Options of all checks over HTTP, but for those on which the checks differ.
    static let httpLayer: [CheckOption] =
        [
            .followed("timeout", .both, "the whole run, not only each wait; at most the interval"),
            .followed("connect_timeout"), .followed("read_timeout", .instance, "each wait for bytes"),
            .followed("headers"), .followed("extra_headers"), .followed("allow_redirects"), .followed("username"),
            .followed("password"), .followed("use_legacy_auth_encoding"),
            .followed("tls_verify"),
            .followed(
                "tls_ca_cert", .instance, "a file, or a directory as openssl rehash prepares it; implies tls_verify"),
            .followed("tls_cert", .instance, "a file that is missing is an error"), .followed("tls_private_key"),
        ]
        + [
            .followed("tls_private_key_password"), .followed("tls_ciphers"),
            .followed("tls_use_host_header", .instance, "for the server that the URL names, not after a redirect"),
            .followed("proxy", .both, "http, https and no_proxy; the environment's proxies are not used"),
            .followed("skip_proxy", .both),
            .followed(
                "auth_token", .instance, "reader file without a pattern, writer header; the file is read at each run"),
        ]
        + CheckOption.refused("auth_type", unless: ["basic", "digest"])
        + CheckOption.refused(
            "ntlm_domain", "kerberos_cache", "kerberos_hostname", "kerberos_keytab", "kerberos_principal")
        + CheckOption.refused("kerberos_auth", unless: ["disabled"])
        + CheckOption.refused("kerberos_delegate", "kerberos_force_initiate", unless: ["false"])
        + CheckOption.refused("aws_region", "aws_host", "aws_service")
        + CheckOption.harmless("use_agent_proxy", in: .both, "the agent has no proxy of its own")
        + CheckOption.refused("tls_intermediate_ca_certs")
        + CheckOption.harmless("tls_validate_hostname", "tls_protocols_allowed")
        + CheckOption.harmless("log_requests", "tls_ignore_warning", in: .both)
        + CheckOption.harmless("request_size", "persist_connections")
}
