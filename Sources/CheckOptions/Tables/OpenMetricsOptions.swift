extension CheckTable {
    /// `openmetrics` and `prometheus` with `openmetrics_endpoint`.
    static let openMetrics = CheckTable(
        "openmetrics, prometheus (openmetrics_endpoint)",
        [
            .followed("openmetrics_endpoint"), .followed("tls_verify", .instance, "true unless set"),
            .followed("use_latest_spec"), .followed("raw_line_filters"),
        ],
        CheckOption.harmless(
            "ignore_connection_errors", "enable_health_service_check", in: .instance,
            "the check has a verdict all the same"),
        CheckOption.harmless(
            "namespace", "metrics", "extra_metrics", "raw_metric_prefix", "exclude_metrics",
            "exclude_metrics_by_labels",
            "exclude_labels", "include_labels", "rename_labels", "share_labels", "cache_shared_labels", "target_info",
            "hostname_label", "hostname_format", "tag_by_endpoint", "ignore_tags", "collect_histogram_buckets",
            "non_cumulative_histogram_buckets", "histogram_buckets_as_distributions",
            "collect_histograms_as_distributions", "collect_counters_with_distributions", "use_process_start_time",
            "cache_metric_wildcards", "telemetry", "max_returned_metrics"), httpLayer)

    /// `openmetrics` and `prometheus` with `prometheus_url`.
    static let legacyPrometheus = CheckTable(
        "openmetrics, prometheus (prometheus_url)",
        [
            .followed("prometheus_url"), .followed("prometheus_timeout", .instance, "as timeout"),
            .followed("tls_verify", .instance, "true unless set"), .followed("ssl_verify", .instance, "as tls_verify"),
            .followed("ssl_cert", .instance, "as tls_cert"),
            .followed("ssl_private_key", .instance, "as tls_private_key"),
            .followed("ssl_ca_cert", .instance, "as tls_ca_cert; false as tls_verify: false"),
            .followed("bearer_token_auth"), .followed("bearer_token_path"),
        ],
        CheckOption.refused("possible_prometheus_urls", "prometheus_possible_urls"),
        CheckOption.harmless("bearer_token_refresh_interval", in: .instance, "the file is read at each run"),
        CheckOption.harmless(
            "health_service_check", in: .instance, "the check has a verdict all the same"),
        CheckOption.harmless(
            "namespace", "metrics", "prometheus_metrics_prefix", "label_to_hostname", "label_to_hostname_suffix",
            "label_joins", "labels_mapper", "type_overrides", "send_histograms_buckets", "send_distribution_buckets",
            "non_cumulative_buckets", "send_monotonic_counter", "send_monotonic_with_gauge",
            "send_distribution_counts_as_monotonic", "send_distribution_sums_as_monotonic", "exclude_labels",
            "include_labels", "ignore_metrics", "ignore_metrics_by_labels", "ignore_tags", "metadata_metric_name",
            "metadata_label_map", "use_process_start_time", "max_returned_metrics"), httpLayer)
}
