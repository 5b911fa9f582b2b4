import Foundation

/// A part of one as a percentage with one decimal.
func percentage(_ part: Double) -> String { String(format: "%.1f%%", part * 100) }

/// A number with so many decimals.
func fixed(_ number: Double, digits: Int) -> String { String(format: "%.\(digits)f", number) }

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

/// A loss with as many digits as a table has room for.
func lossText(_ loss: Double) -> String {
  loss.magnitude < 1e4 && loss.magnitude >= 1e-3 || loss == 0
    ? String(format: "%.5f", loss) : String(format: "%.3e", loss)
}

/// A whole number with commas between thousands.
func grouped(_ number: Int) -> String {
  var digits = ArraySlice(String(number.magnitude))
  var groups: [String] = []
  while digits.count > 3 {
    groups.insert(String(digits.suffix(3)), at: 0)
    digits = digits.dropLast(3)
  }
  return (number < 0 ? "-" : "") + ([String(digits)] + groups).joined(separator: ",")
}

/// A time with three digits, in the unit that suits it.
func timeText(_ seconds: Double) -> String {
  let (value, unit) =
    seconds >= 1 ? (seconds, "s") : seconds >= 1e-3 ? (seconds * 1e3, "ms") : (seconds * 1e6, "µs")
  return "\(fixed(value, digits: value < 10 ? 2 : value < 100 ? 1 : 0)) \(unit)"
}

/// A duration in seconds, with as many digits as matter.
func secondsText(_ duration: Duration) -> String {
  let seconds = duration / .seconds(1)
  return String(format: seconds < 10 ? "%.1f s" : "%.0f s", seconds)
}
