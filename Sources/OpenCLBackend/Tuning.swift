public import Compute
import Foundation

extension DeviceProfile {
  /// What may be tuned, by the names that users know.
  enum Tunable: String, CaseIterable {
    case panelWidth, tileRows, tileVectors, tileItem, tileDepth
    case groupSize, elementGroup, lanes, taskCount, leastChunk
    case undividedRow, undividedColumn, keptColumn, rowChunk, columnChunk, streamedBytes
    case chainedWork
  }

  /// The value of a parameter; nil where the device's kernels have none, and to leave it.
  subscript(tunable: Tunable) -> Int? {
    get {
      switch (tunable, matMul) {
      case (.panelWidth, .panels(let tile)): tile.width
      case (.tileRows, .panels(let tile)): tile.rows
      case (.tileVectors, .panels(let tile)): tile.vectors
      case (.tileItem, .tiles(let item, _)): item
      case (.tileDepth, .tiles(_, let depth)): depth
      case (.panelWidth, _), (.tileRows, _), (.tileVectors, _), (.tileItem, _), (.tileDepth, _):
        nil
      case (.groupSize, _): groupSize > 1 ? groupSize : nil
      case (.elementGroup, _): elementGroup
      case (.lanes, _): lanes > 1 ? lanes : nil
      case (.taskCount, _): taskCount
      case (.leastChunk, _): leastChunk
      case (.undividedRow, _): undividedRow
      case (.undividedColumn, _): undividedColumn
      case (.keptColumn, _): keptColumn > 0 ? keptColumn : nil
      case (.rowChunk, _): rowChunk
      case (.columnChunk, _): columnChunk
      case (.streamedBytes, _): streamedBytes < .max ? streamedBytes : nil
      case (.chainedWork, _): chainedWork > 0 ? chainedWork : nil
      }
    }
    set {
      guard self[tunable] != nil, let newValue else { return }
      switch (tunable, matMul) {
      case (.panelWidth, .panels(var tile)):
        tile.width = newValue
        matMul = .panels(tile)
      case (.tileRows, .panels(var tile)):
        tile.rows = newValue
        matMul = .panels(tile)
      case (.tileVectors, .panels(var tile)):
        tile.vectors = newValue
        matMul = .panels(tile)
      case (.tileItem, .tiles(_, let depth)): matMul = .tiles(item: newValue, depth: depth)
      case (.tileDepth, .tiles(let item, _)): matMul = .tiles(item: item, depth: newValue)
      case (.panelWidth, _), (.tileRows, _), (.tileVectors, _), (.tileItem, _), (.tileDepth, _):
        break
      case (.groupSize, _): groupSize = newValue
      case (.elementGroup, _): elementGroup = newValue
      case (.lanes, _): lanes = newValue
      case (.taskCount, _): taskCount = newValue
      case (.leastChunk, _): leastChunk = newValue
      case (.undividedRow, _): undividedRow = newValue
      case (.undividedColumn, _): undividedColumn = newValue
      case (.keptColumn, _): keptColumn = newValue
      case (.rowChunk, _): rowChunk = newValue
      case (.columnChunk, _): columnChunk = newValue
      case (.streamedBytes, _): streamedBytes = newValue
      case (.chainedWork, _): chainedWork = newValue
      }
    }
  }

  /// The values that every device can run, of which the driver may still refuse some.
  private static func range(of tunable: Tunable) -> [Int] {
    switch tunable {
    case .panelWidth: [4, 8, 16]
    case .tileRows: [4, 6, 8, 10, 12]
    case .tileVectors: [2, 3, 4]
    case .tileItem: [4, 8]
    case .tileDepth: [16, 32]
    case .groupSize: [32, 64, 128, 256, 512]
    case .elementGroup: [32, 64, 128, 256, 512]
    case .lanes: [4, 8, 16]
    case .taskCount: (2...12).map { 1 << $0 }
    case .leastChunk: (8...16).map { 1 << $0 }
    case .undividedRow: (10...18).map { 1 << $0 }
    case .undividedColumn: (6...14).map { 1 << $0 }
    case .keptColumn: (6...11).map { 1 << $0 }
    case .rowChunk: (8...16).map { 1 << $0 }
    case .columnChunk: (4...12).map { 1 << $0 }
    case .streamedBytes: (18...28).map { 1 << $0 }
    case .chainedWork: (14...22).map { 1 << $0 }
    }
  }

  /// What may be tuned, with values near the one in use.
  var tunableParameters: [TunableParameter] {
    Tunable.allCases.compactMap { tunable in
      guard let value = self[tunable] else { return nil }
      let near = Self.range(of: tunable).filter { $0 <= 4 * value && 4 * $0 >= value }
      return TunableParameter(
        name: tunable.rawValue, value: value, candidates: Set(near + [value]).sorted())
    }
  }

  /// Sets parameters by name.
  ///
  /// Throws `BackendError` for a name that there is none of, or a value that no kernel takes.
  public mutating func apply(_ values: [String: Int]) throws {
    for (name, value) in values.sorted(by: { $0.key < $1.key }) {
      guard let tunable = Tunable(rawValue: name), self[tunable] != nil else {
        let known = tunableParameters.map(\.name).joined(separator: ", ")
        throw BackendError(.execution, "there is no '\(name)' to tune; there are \(known)")
      }
      guard Self.range(of: tunable).contains(value) else {
        throw BackendError(
          .execution,
          "\(name) cannot be \(value); expected one of \(Self.range(of: tunable))")
      }
      self[tunable] = value
    }
  }
}

extension OpenCLBackend {
  /// What may be tuned, with the values in use.
  public var tunableParameters: [TunableParameter] { profile.tunableParameters }

  /// Keeps values for all who open the device from now on; none, to forget what was kept.
  ///
  /// Throws `BackendError` when a value is none that kernels take, or no file can be written.
  public func keepTuning(_ values: [String: Int]) throws -> TuningEntry? {
    guard let file = tuningFile else {
      throw BackendError(
        .execution,
        "there is no folder to keep what was tuned in; APUS_CACHE is 'off', or HOME is not set")
    }
    if values.isEmpty {
      try file.remove()
      return nil
    }
    var profile = self.profile
    try profile.apply(values)
    return try file.write(values)
  }
}

/// The file of what was found best for a device.
struct TuningFile: Sendable {
  private let path: String
  private let device: String

  /// Names the file of a device, one for each version of its driver.
  init(directory: String, platform: String, device: String, driver: String) {
    self.device = [platform, device, driver].joined(separator: ", ")
    let identity = StableHash.hexadecimal(of: "apus tuning 2: \(self.device)".utf8)
    path = "\(directory)/tuning/\(identity).json"
  }

  /// The entry; nil where there is none, or it cannot be read.
  func read() -> TuningEntry? {
    guard let data = FileManager.default.contents(atPath: path),
      let entry = try? JSONDecoder().decode(TuningEntry.self, from: data),
      entry == self.entry(entry.values, date: entry.date)
    else { return nil }
    return entry
  }

  /// Writes an entry; throws when it cannot be written.
  func write(_ values: [String: Int]) throws -> TuningEntry {
    let entry = self.entry(values, date: Date.now.formatted(.iso8601))
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
    let url = URL(fileURLWithPath: path)
    do {
      try FileManager.default.createDirectory(
        at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
      try encoder.encode(entry).write(to: url, options: .atomic)
    } catch {
      throw BackendError(.execution, "\(path) cannot be written: \(error.localizedDescription)")
    }
    return entry
  }

  /// Removes the file, if it is there.
  func remove() throws {
    guard FileManager.default.fileExists(atPath: path) else { return }
    do {
      try FileManager.default.removeItem(atPath: path)
    } catch {
      throw BackendError(.execution, "\(path) cannot be removed: \(error.localizedDescription)")
    }
  }

  private func entry(_ values: [String: Int], date: String) -> TuningEntry {
    let parts = values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    let hash = StableHash.hexadecimal(of: ([device, date] + parts).joined(separator: "\n").utf8)
    return TuningEntry(
      device: device, values: values, date: date, identifier: String(hash.prefix(12)))
  }
}
