/// The name that at most two changes make of `name`, or one in three characters of a longer one; nil if none is so
/// near. Of several, the first.
///
/// - Parameter names: those that are known.
package func nearestName(to name: String, among names: some Sequence<String>) -> String? {
    guard name.utf8.count <= 100 else { return nil }
    let distances = names.map { ($0, distance(Array(name.utf8), Array($0.utf8))) }
    guard let best = distances.min(by: { $0.1 < $1.1 }), best.1 <= max(1, min(name.utf8.count / 3, 4)) else {
        return nil
    }
    return best.0
}

/// How many bytes must be added, removed or replaced to make one of the other (V. Levenshtein, 1965), whatever the case
/// of letters.
private func distance(_ from: [UInt8], _ to: [UInt8]) -> Int {
    var row = Array(0...to.count)
    for (index, byte) in from.enumerated() {
        var diagonal = row[0]
        row[0] = index + 1
        for column in to.indices {
            let replaced = diagonal + (byte | 0x20 == to[column] | 0x20 ? 0 : 1)
            diagonal = row[column + 1]
            row[column + 1] = min(replaced, row[column] + 1, diagonal + 1)
        }
    }
    return row[to.count]
}
