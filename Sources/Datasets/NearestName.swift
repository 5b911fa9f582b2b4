/// The name that somebody probably meant by another one, or nil when none is near.
///
/// Names are near when one turns into the other by few insertions, deletions and replacements of a
/// character, letter case aside: up to two fifths of the longer one's length, so that two letters of
/// five may be swapped.
package func nearestName(to name: String, among names: [String]) -> String? {
  let lowercasedName = Array(name.lowercased())
  let distances = names.map { candidate in
    (candidate, editDistance(lowercasedName, Array(candidate.lowercased())))
  }
  guard let (nearest, distance) = distances.min(by: { $0.1 < $1.1 }) else { return nil }
  return distance * 5 <= max(name.count, nearest.count) * 2 ? nearest : nil
}

/// The distance of Levenshtein, by the table of Wagner and Fischer, one row of it at a time.
private func editDistance(_ a: [Character], _ b: [Character]) -> Int {
  var row = Array(0...b.count)
  for (i, x) in a.enumerated() {
    var diagonal = row[0]
    row[0] = i + 1
    for (j, y) in b.enumerated() {
      let above = row[j + 1]
      row[j + 1] = min(min(above, row[j]) + 1, diagonal + (x == y ? 0 : 1))
      diagonal = above
    }
  }
  return row[b.count]
}
