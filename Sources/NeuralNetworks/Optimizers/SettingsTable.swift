import Compute
import Tensors

/// The settings of all parameters, for updates over the arena.
///
/// What is the same for all is a number. What differs is a table in device memory: the arena is seen
/// as a matrix whose rows hold parameters of one kind, and the table has a number for each row.
struct SettingsTable {
  /// How the arena is seen: `[length]`, or `[rows, width]` where settings differ.
  let shape: Shape
  /// The settings in the order of the parameters.
  let all: [ParameterSettings]

  private let tables: [PartialKeyPath<ParameterSettings>: Tensor]

  /// A setting that updates use: a number, or one for each row of the arena.
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
    let width = max(1, runs.reduce(0) { Self.greatestCommonDivisor($0, $1.length) })
    shape = [arena.length / width, width]
    var tables: [PartialKeyPath<ParameterSettings>: Tensor] = [:]
    func add(_ setting: KeyPath<ParameterSettings, Double>) {
      guard Set(settings.map { $0[keyPath: setting] }).count > 1 else { return }
      let rows = runs.flatMap { run in
        repeatElement(run.settings[keyPath: setting], count: run.length / width)
      }
      tables[setting] = Tensor(
        rows, shape: [rows.count, 1], dtype: arena.dtype, on: arena.device)
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
