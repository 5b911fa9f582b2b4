/// A bar that is drawn anew in the last line of a terminal.
final class ProgressBar {
  private var lastDrawing: ContinuousClock.Instant?

  /// Creates a bar; there is none where standard output is no terminal.
  init?() { guard Console.isTerminal else { return nil } }

  /// A terminal shows no more than this many drawings a second.
  private static let interval = Duration.milliseconds(40)

  /// Draws the bar, unless it was drawn just before.
  func draw(_ share: Double, label: String) {
    let now = ContinuousClock.now
    if let lastDrawing, now - lastDrawing < Self.interval { return }
    lastDrawing = now
    let text = " \(Int(share * 100))%  \(label)"
    let width = max(min(Console.width - text.count - 3, 40), 0)
    let filled = Int(share * Double(width))
    let bar =
      String(repeating: "█", count: filled) + String(repeating: "░", count: width - filled)
    // What cannot be drawn now is drawn next time.
    try? Console.emit("\r\u{1b}[K\(bar)\(text)")
  }

  /// Clears the line, if the bar is on it.
  func clear() {
    guard lastDrawing != nil else { return }
    lastDrawing = nil
    try? Console.emit("\r\u{1b}[K")
  }
}
