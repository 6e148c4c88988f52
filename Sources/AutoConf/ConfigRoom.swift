/// The room that the configs of all others leave to those of an object.
///
/// It is the lesser of what all may have and of what its share may have: its namespace's, or that of all files. So who
/// fills a share leaves the others theirs, and nothing that is there already is pushed out.
struct ConfigRoom {
    /// In bytes, as `ConfigLimit` counts them; less than 0 if there is too much already.
    let bytes: Int
    /// What may have no more.
    let limit: String

    /// As much as there can be.
    static let max = ConfigRoom(bytes: .max, limit: "")

    /// The lesser one.
    static func least(_ first: ConfigRoom, _ second: ConfigRoom) -> ConfigRoom {
        first.bytes <= second.bytes ? first : second
    }
}
