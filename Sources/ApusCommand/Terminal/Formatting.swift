import Foundation

/// A part of one as a percentage with one decimal.
func percentage(_ part: Double) -> String { String(format: "%.1f%%", part * 100) }

/// A number of bytes in the largest binary unit that keeps it above one.
func byteCount(_ count: Int) -> String {
  let units = ["B", "KiB", "MiB", "GiB", "TiB"]
  var value = Double(count)
  var unit = 0
  while value >= 1024, unit < units.count - 1 {
    value /= 1024
    unit += 1
  }
  return unit == 0 ? "\(count) B" : String(format: "%.1f %@", value, units[unit])
}

/// A number with its noun, in the singular or the plural.
func counted(_ count: Int, _ noun: String, plural: String? = nil) -> String {
  "\(count) \(count == 1 ? noun : plural ?? noun + "s")"
}
