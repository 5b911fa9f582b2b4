import Logging

/// Writes each message of the libraries as one line on standard error, such as `warning: …`.
struct StandardErrorLogHandler: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .info

  func log(event: LogEvent) { Console.report("\(event.level): \(event.message)") }

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }
}
