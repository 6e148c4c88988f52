import CheckModel
import Platform

/// Entries of the history that follow each other, packed: their texts are one array.
///
/// An entry by itself has up to five strings, each an allocation that outlives those around it: 10,000 of them took
/// 9 MB, most of it holes that nothing else fitted into.
struct HistoryPage: Sendable {
    /// The most entries of a page.
    static let entryLimit = 160
    /// The room for texts, in bytes: for those of 160 entries as long as they are in a large cluster.
    private static let room = 32_000
    /// What is kept of one text, in bytes: what of it a page always has room for.
    private static let longestText = room / 5

    private struct Packed: Sendable {
        let time: WallTime
        /// The version of the store after what happened; 0 in a former term.
        let version: UInt64
        let kind: HistoryEntry.Kind
        /// Where each text ends: that of the check, the config, the node before, the node and the reason.
        let ends: InlineArray<5, UInt16>
    }

    private var packed: [Packed] = []
    private var texts: [UInt8] = []

    /// A page that begins with an entry.
    init(_ entry: HistoryEntry, version: UInt64) {
        packed.reserveCapacity(Self.entryLimit)
        texts.reserveCapacity(Self.room)
        add(entry, version)
    }

    /// The version of the store after its first entry.
    var firstVersion: UInt64 { packed[0].version }
    /// When its last entry was noted.
    var lastTime: WallTime { packed[packed.count - 1].time }
    /// Its entries, the oldest first.
    var entries: [HistoryEntry] { entries { _, _ in true } }

    /// Adds an entry, unless there is no room for it.
    ///
    /// - Returns: whether it was added.
    mutating func append(_ entry: HistoryEntry, version: UInt64) -> Bool {
        let length = entry.texts.reduce(0) { $0 + min($1.utf8.count, Self.longestText) }
        guard packed.count < Self.entryLimit, texts.count + length <= Self.room else { return false }
        add(entry, version)
        return true
    }

    private mutating func add(_ entry: HistoryEntry, _ version: UInt64) {
        var ends = InlineArray<5, UInt16>(repeating: 0)
        for (index, text) in entry.texts.enumerated() {
            texts += cut(text, to: Self.longestText).utf8
            ends[index] = UInt16(texts.count)
        }
        packed.append(Packed(time: entry.time, version: version, kind: entry.kind, ends: ends))
    }

    /// Some of its entries, the oldest first.
    func entries(where isWanted: (_ version: UInt64, _ time: WallTime) -> Bool) -> [HistoryEntry] {
        packed.indices.filter { isWanted(packed[$0].version, packed[$0].time) }.map { index in
            let entry = packed[index]
            func text(_ field: Int) -> String {
                let start = field > 0 ? entry.ends[field - 1] : index > 0 ? packed[index - 1].ends[4] : 0
                return String(decoding: texts[Int(start)..<Int(entry.ends[field])], as: UTF8.self)
            }
            return HistoryEntry(
                entry.kind, check: text(0), config: text(1), from: text(2), node: text(3), reason: text(4),
                time: entry.time)
        }
    }
}

extension HistoryEntry {
    fileprivate var texts: [String] { [check, config, from, node, reason] }
}
