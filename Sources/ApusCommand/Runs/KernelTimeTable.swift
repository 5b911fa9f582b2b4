import Compute

/// How long each kernel ran, as a table.
struct KernelTimeTable: CustomStringConvertible {
  private let times: [KernelTime]
  private let elapsed: Duration
  private let subject: String

  /// Creates the table of what ran within the time of a subject, such as `training`.
  init(_ times: [KernelTime], in elapsed: Duration, of subject: String) {
    self.times = times
    self.elapsed = elapsed
    self.subject = subject
  }

  /// The kernels, the longest first, and their sum beside the time that went by.
  var description: String {
    var table = TextTable(
      .right("time"), .right("share"), .right("launches"), .right("each"), .left("kernel"))
    let total = times.reduce(0) { $0 + $1.seconds }
    for time in times {
      table.append(
        timeText(time.seconds), percentage(time.seconds / max(total, .leastNormalMagnitude)),
        grouped(time.launches), timeText(time.seconds / Double(max(time.launches, 1))),
        time.kernel)
    }
    let share = total / (elapsed / .seconds(1))
    let count = times.reduce(0) { $0 + $1.launches }
    return """
      \(table)
      \(timeText(total)) on the device in \(counted(count, "launch", plural: "launches")), \
      \(percentage(share)) of the \(secondsText(elapsed)) of the \(subject)
      """
  }
}
