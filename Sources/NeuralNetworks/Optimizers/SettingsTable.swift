import Compute
import Tensors

/// The settings of all parameters, for updates over the arena.
///
/// What is the same for all is a number. What differs is a table in device memory: the arena is seen
/// as a matrix whose rows hold parameters of one kind, and the table has a number for each row. Where
/// such rows would be short, kernels would walk them slowly, and the table has a number for each
/// element instead.
struct SettingsTable {
  /// How the arena is seen: `[length]`, or `[rows, width]`.
  let shape: Shape
  /// The settings in the order of the parameters.
  let all: [ParameterSettings]

  /// The least length of rows with a number each.
  private static let leastWidth = 128

  private let tables: [PartialKeyPath<ParameterSettings>: Tensor]

  /// A setting that updates use: a number, or numbers that are broadcast to the arena's shape.
  enum Value {
    case uniform(Double)
    case table(Tensor)
  }

  init(_ settings: [ParameterSettings], for layout: ModuleLayout) {
    all = settings
    let arena = layout.arena
    guard Set(settings).count > 1 else {
      shape = [arena.length]
      tables = [:]
      return
    }
    // The runs of parameters with the same settings, and the longest rows that fit in all of them.
    var runs: [(length: Int, settings: ParameterSettings)] = []
    for (parameter, settings) in zip(layout.parameters, settings) {
      let length = Arena.paddedCount(parameter.shape?.count ?? 0, dtype: arena.dtype)
      if let last = runs.last, last.settings == settings {
        runs[runs.count - 1].length += length
      } else {
        runs.append((length, settings))
      }
    }
    let width = runs.reduce(0) { Self.greatestCommonDivisor($0, $1.length) }
    let hasRows = width >= Self.leastWidth
    shape = hasRows ? [arena.length / width, width] : [arena.length]
    var tables: [PartialKeyPath<ParameterSettings>: Tensor] = [:]
    func add(_ setting: KeyPath<ParameterSettings, Double>) {
      guard Set(settings.map { $0[keyPath: setting] }).count > 1 else { return }
      let parts = runs.map { run in
        Tensor.full(
          hasRows ? [run.length / width, 1] : [run.length], run.settings[keyPath: setting],
          dtype: arena.dtype, on: arena.device)
      }
      tables[setting] = concatenate(parts, axis: 0)
    }
    add(\.learningRateFactor)
    add(\.l1)
    add(\.coupledDecay)
    add(\.decoupledDecay)
    add(\.trainedShare)
    self.tables = tables
  }

  /// A setting of all parameters.
  subscript(setting: KeyPath<ParameterSettings, Double>) -> Value {
    if let table = tables[setting] { return .table(table) }
    return .uniform(all.first?[keyPath: setting] ?? 0)
  }

  private static func greatestCommonDivisor(_ a: Int, _ b: Int) -> Int {
    b == 0 ? a : greatestCommonDivisor(b, a % b)
  }
}

extension ParameterSettings {
  /// 1 for a parameter that is trained, 0 for one that is frozen.
  var trainedShare: Double { isTrained ? 1 : 0 }
}
