/// The sources of AutoConf, and what they may use.
package struct AutoConfOptions: Sendable {
    /// `confd_path`: the directory of config files; nil or empty for none.
    package var confdPath: String?
    /// How often to look for changed files. Default: 5 s.
    package var confdInterval: Duration
    /// Whether annotated Services are a source, and `handle` is called with their events. Default: false.
    package var watchesServices: Bool
    /// Whether the endpoints of Services are a source too, for `endpoints.…` annotations; they need the Services.
    /// Default: false.
    package var watchesEndpoints: Bool
    /// Whether ClusterChecks are a source, and `handle` is called with their events. Default: false.
    package var watchesClusterChecks: Bool
    /// `prometheus_scrape.…`: which Services get checks by their `prometheus.io/…` annotations; nil for none. Their
    /// annotations must be kept when Services are read: see `annotationPrefixes`. Default: nil.
    package var prometheusScrape: PrometheusScrape?
    /// `prometheus_http_sd.…`: the URLs that list targets. Default: none.
    package var discoveries: [HTTPDiscovery] = []
    /// `ad_config_poll_interval`: how often they are asked. Default: 10 s.
    package var discoveryInterval = Duration.seconds(10)
    /// How long the other sources wait for the first answer of each of them. Default: 60 s.
    package var discoveryPatience = Duration.seconds(60)
    /// `ad_allowed_env_vars`: the variables that `%%env_X%%` may name, in any case; empty for all but the agent's own
    /// secrets. Default: empty.
    package var allowedEnvironment: [String]
    /// `ad_disable_env_var_resolution`: rejects every `%%env_X%%`. Default: false.
    package var refusesEnvironment: Bool
    /// `ad_keep_last_good`: whether an annotation or a ClusterCheck that cannot be used keeps the configs that it had,
    /// as files do. Default: true.
    package var keepsLastGood = true
    /// The largest config file, in bytes. Default: 1,048,576 (1 MiB).
    package var maximumFileBytes: Int
    /// How many files are read, with those below `<check>.d`. Default: 10,000.
    package var maximumFiles: Int
    /// The most configs that one Service or file may give. Default: 1,000.
    package var maximumConfigsPerObject = 1_000
    /// The most bytes of the configs of one Service or file, with 1,000 for each config. Default: 4,194,304 (4 MiB).
    package var maximumBytesPerObject = 4 << 20
    /// The most bytes of the configs of one namespace, and of all files, with 1,000 for each config. Default:
    /// 41,943,040 (40 MiB), a quarter of those of all configs.
    package var maximumBytesPerNamespace = 40 << 20
    /// The most bytes of the configs of the targets of one URL, with 1,000 for each config. Default: 67,108,864
    /// (64 MiB).
    package var maximumBytesPerDiscovery = 64 << 20
    /// The most bytes of all configs, with 1,000 for each config. Default: 167,772,160 (160 MiB), which leaves room for
    /// everything else within the memory limit of the manifests.
    package var maximumBytes = 160 << 20

    /// The options; everything not given has its default.
    package init(
        confdPath: String? = nil, confdInterval: Duration = .seconds(5), watchesServices: Bool = false,
        watchesEndpoints: Bool = false, watchesClusterChecks: Bool = false, allowedEnvironment: [String] = [],
        refusesEnvironment: Bool = false,
        maximumFileBytes: Int = 1_048_576, maximumFiles: Int = 10_000
    ) {
        self.confdPath = confdPath
        self.confdInterval = confdInterval
        self.watchesServices = watchesServices
        self.watchesEndpoints = watchesEndpoints
        self.watchesClusterChecks = watchesClusterChecks
        self.allowedEnvironment = allowedEnvironment
        self.refusesEnvironment = refusesEnvironment
        self.maximumFileBytes = maximumFileBytes
        self.maximumFiles = maximumFiles
    }
}
