extension CheckTable {
    /// `tcp_check`.
    static let tcpCheck = CheckTable(
        "tcp_check",
        [
            .followed("host"), .followed("port"),
            .followed("timeout", .instance, "the whole run: name resolution and every address"),
            .followed("multiple_ips", .instance, "every address must accept; without it one is enough"),
            .followed("ipv4_only"),
        ],
        CheckOption.harmless("collect_response_time"),
        [
            CheckOption(
                key: "ip_cache_duration", treatment: .harmless, place: .instance,
                note: "the name is resolved in each run")
        ],
        CheckOption.refused("scope_id", unless: ["0"]))
}
