import Compute
import OpenCLRuntime

/// A launch that only moves bytes: the whole of one run of memory to another place.
struct CopiedRegion: Sendable, Hashable {
  let sourceByte: Int
  let targetByte: Int
  let byteCount: Int

  /// Whether two copies into one storage write the same bytes.
  func overlaps(_ other: CopiedRegion) -> Bool {
    targetByte < other.targetByte + other.byteCount
      && other.targetByte < targetByte + byteCount
  }

  /// Describes the evaluation of expressions, if it is a copy of a contiguous view.
  init?(_ expressions: [Expression], of operands: [Operand], into outputs: [View]) {
    guard expressions == [.input(0)], let source = operands.first?.view, let target = outputs.first,
      source.dtype == target.dtype, source.isContiguous, target.isContiguous
    else { return nil }
    let unit = source.dtype.byteCount
    sourceByte = source.offset * unit
    targetByte = target.offset * unit
    byteCount = source.count * unit
  }
}

/// Copies of a recording that need not be made, for the source can be computed where it goes.
///
/// Gradients are computed one by one and then copied into one row. In a replay, what is known to be
/// copied is written to its place at once.
struct CopyElimination: Sendable {
  /// A storage that is a part of another.
  struct Alias: Sendable {
    let target: RecordedStorage
    let byte: Int
  }

  /// The storages made during the recording that become parts of others, by number.
  private(set) var aliases: [Int: Alias] = [:]
  /// The positions of the commands that are left out.
  private(set) var omitted: Set<Int> = []

  /// Finds the copies.
  ///
  /// - Parameter alignment: What the beginning of a part is a multiple of, in bytes.
  init(_ recording: OpenCLRecording, alignment: Int) {
    var uses: [Int: [Int]] = [:]
    for (position, command) in recording.commands.enumerated() {
      for case .made(let number) in command.storages where uses[number]?.last != position {
        uses[number, default: []].append(position)
      }
    }
    for (position, command) in recording.commands.enumerated() {
      guard let copy = Copy(command), case .made(let source) = copy.source,
        copy.region.sourceByte == 0, copy.region.byteCount == recording.byteCounts[source],
        copy.region.targetByte.isMultiple(of: alignment), copy.target.isLasting(than: source),
        uses[source]?.last == position, let first = uses[source]?.first, first < position,
        aliases[source] == nil, copy.target.number.map({ aliases[$0] == nil }) ?? true
      else { continue }
      // From when the source is first written, nothing else may touch where it goes.
      let isUndisturbed = recording.commands[first..<position].allSatisfy { between in
        guard between.storages.contains(where: { $0.isSame(as: copy.target) }) else { return true }
        guard let other = Copy(between), other.target.isSame(as: copy.target) else { return false }
        return !other.region.overlaps(copy.region) && !other.source.isSame(as: copy.target)
      }
      guard isUndisturbed else { continue }
      aliases[source] = Alias(target: copy.target, byte: copy.region.targetByte)
      omitted.insert(position)
    }
  }
}

/// A recorded command that only moves bytes.
private struct Copy {
  let source: RecordedStorage
  let target: RecordedStorage
  let region: CopiedRegion

  init?(_ command: RecordedCommand) {
    guard case .launch(let launch, let storages, _) = command, let region = launch.copy else {
      return nil
    }
    let views = storages.compactMap(\.self)
    guard views.count == 2 else { return nil }
    (source, target, self.region) = (views[0], views[1], region)
  }
}

extension RecordedStorage {
  /// The number of one made during the recording.
  fileprivate var number: Int? { if case .made(let number) = self { number } else { nil } }

  /// Whether a part of it can stand for a storage made during the recording: inputs change places.
  fileprivate func isLasting(than source: Int) -> Bool {
    switch self {
    case .made(let number): number != source
    case .outside: true
    case .input: false
    }
  }

  /// Whether both are one storage.
  func isSame(as other: RecordedStorage) -> Bool {
    switch (self, other) {
    case (.made(let x), .made(let y)): x == y
    case (.input(let x), .input(let y)): x == y
    case (.outside(let x), .outside(let y)): x === y
    default: false
    }
  }
}
