/// Which sources AutoConf reads, and what they may use.
package struct AutoConfOptions: Sendable {
    /// `confd_path`: the directory of config files; nil or empty for none.
    package var confdPath: String?
    /// How often the directory is looked at. Default: 5 s.
    package var confdInterval: Duration
    /// Whether annotated Services are a source, and `feed` is called with their events. Default: false.
    package var watchesServices: Bool
    /// Whether the endpoints of Services are a source too, for `endpoints.…` annotations; they need the Services. Default: false.
    package var watchesEndpoints: Bool
    /// `ad_allowed_env_vars`: what `%%env_X%%` may name, in any case; empty for all but the agent's own secrets. Default: empty.
    package var allowedEnvironment: [String]
    /// `ad_disable_env_var_resolution`: refuses `%%env_X%%` altogether. Default: false.
    package var refusesEnvironment: Bool
    /// Bytes of one config file. Default: 1,048,576 (1 MiB).
    package var maximumFileBytes: Int
    /// Files in the directory, those below `<check>.d` included. Default: 10,000.
    package var maximumFiles: Int

    /// The options; everything not given has its default.
    package init(
        confdPath: String? = nil, confdInterval: Duration = .seconds(5), watchesServices: Bool = false,
        watchesEndpoints: Bool = false, allowedEnvironment: [String] = [], refusesEnvironment: Bool = false,
        maximumFileBytes: Int = 1_048_576, maximumFiles: Int = 10_000
    ) {
        self.confdPath = confdPath
        self.confdInterval = confdInterval
        self.watchesServices = watchesServices
        self.watchesEndpoints = watchesEndpoints
        self.allowedEnvironment = allowedEnvironment
        self.refusesEnvironment = refusesEnvironment
        self.maximumFileBytes = maximumFileBytes
        self.maximumFiles = maximumFiles
    }
}
