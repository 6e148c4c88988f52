import CheckModel
import Platform

/// Which differences between what was adopted and what this replica's sources say count by now.
///
/// The sources of a new leader may lag behind those of the former one. So what was adopted stays until a reading of its
/// source that began after the adoption says otherwise. A file that is absent may have to appear here yet, as the
/// kubelet updates ConfigMaps on each Kubernetes node in its own time.
struct Settlement: Sendable {
    /// How long an absent file may have to appear: the kubelet's sync period and the lifetime of its cache, a minute
    /// each by default.
    static let fileGrace = Duration.seconds(120)

    private let readings: SourceReadings
    private let adoption: Instant
    private let now: Instant

    init(_ readings: SourceReadings, since adoption: Instant, now: Instant) {
        self.readings = readings
        self.adoption = adoption
        self.now = now
    }

    /// Whether every source has been read anew.
    var isComplete: Bool { readings.earliest >= adoption }

    /// When to look again although nothing has changed; nil if time alone changes nothing.
    var next: Instant? {
        let end = adoption + Self.fileGrace
        return now < end ? end : nil
    }

    /// Whether what the sources say of a config counts.
    ///
    /// - Parameter isPresent: whether they have it, or others of its source.
    func counts(_ key: ConfigKey, isPresent: Bool) -> Bool {
        guard readings.began(of: key) >= adoption else { return false }
        return isPresent || !key.isOfFile || now >= adoption + Self.fileGrace
    }
}

extension ConfigKey {
    fileprivate var isOfFile: Bool { source.hasPrefix("file:") }
}
