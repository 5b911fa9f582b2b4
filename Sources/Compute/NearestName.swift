/// The name that somebody probably meant by another one, or nil when none is near.
///
/// Names are near when one turns into the other by few insertions, deletions and replacements of a
/// character and swaps of two neighbours, letter case aside: up to two fifths of the longer one's
/// length.
package func nearestName(to name: String, among names: [String]) -> String? {
  let lowercasedName = Array(name.lowercased())
  let distances = names.map { candidate in
    (candidate, editDistance(lowercasedName, Array(candidate.lowercased())))
  }
  guard let (nearest, distance) = distances.min(by: { $0.1 < $1.1 }) else { return nil }
  return distance * 5 <= max(name.count, nearest.count) * 2 ? nearest : nil
}

/// The distance of Damerau and Levenshtein, by the table of Wagner and Fischer, no stretch of text
/// being changed twice.
private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
  var beforeLast: [Int] = []
  var last: [Int] = []
  var row = Array(0...b.count)
  for i in a.indices {
    (beforeLast, last) = (last, row)
    row[0] = i + 1
    for j in b.indices {
      let replaced = last[j] + (a[i] == b[j] ? 0 : 1)
      row[j + 1] = min(min(last[j + 1], row[j]) + 1, replaced)
      if i > 0, j > 0, a[i] == b[j - 1], a[i - 1] == b[j] {
        row[j + 1] = min(row[j + 1], beforeLast[j - 1] + 1)
      }
    }
  }
  return row[b.count]
}
