extension CheckTable {
    /// `tcp_check`.
    static let tcpCheck = CheckTable(
        "tcp_check",
        [
            .followed("host"), .followed("port"),
            .followed("timeout", .instance, "the whole run: name resolution and every address"),
        ],
        CheckOption.harmless("collect_response_time"),
        [
            CheckOption(
                key: "ip_cache_duration", treatment: .harmless, place: .instance,
                note: "the name is resolved in each run")
        ],
        CheckOption.refused(
            "multiple_ips", "ipv4_only", unless: ["false"]), CheckOption.refused("scope_id", unless: ["0"]))
}
