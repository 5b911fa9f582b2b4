import Compute

/// How long each kernel ran, as a table.
struct KernelTimeTable: CustomStringConvertible {
  private let times: [KernelTime]
  private let elapsed: Duration

  /// Creates the table of what ran within a time.
  init(_ times: [KernelTime], in elapsed: Duration) {
    self.times = times
    self.elapsed = elapsed
  }

  /// The kernels, the longest first, and their sum beside the time that went by.
  var description: String {
    var table = TextTable(
      .right("time"), .right("share"), .right("launches"), .right("each"), .left("kernel"))
    let total = times.reduce(0) { $0 + $1.seconds }
    for time in times {
      table.append(
        Self.text(time.seconds), percentage(time.seconds / max(total, .leastNormalMagnitude)),
        grouped(time.launches), Self.text(time.seconds / Double(max(time.launches, 1))),
        time.kernel)
    }
    let share = total / (elapsed / .seconds(1))
    let count = times.reduce(0) { $0 + $1.launches }
    return """
      \(table)
      \(Self.text(total)) on the device in \(counted(count, "launch", plural: "launches")), \
      \(percentage(share)) of the \(secondsText(elapsed)) of the training
      """
  }

  private static func text(_ seconds: Double) -> String {
    let (value, unit) =
      seconds >= 1 ? (seconds, "s") : seconds >= 1e-3 ? (seconds * 1e3, "ms") : (seconds * 1e6, "µs")
    return "\(fixed(value, digits: value < 10 ? 2 : value < 100 ? 1 : 0)) \(unit)"
  }
}
