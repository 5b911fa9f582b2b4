public import Compute
// Exported, so that who walks the parameters need not depend on the package they come in.
@_exported public import OrderedCollections
public import Tensors

/// A part of a network, or a whole one: whatever holds parameters.
///
///     final class TwoHeads: Module {
///       let trunk = Linear(64, 128), classes = Linear(128, 10), value = Linear(128, 1)
///       func callAsFunction(_ x: Tensor) -> (Tensor, Tensor) {
///         let h = relu(trunk(x))
///         return (classes(h), value(h))
///       }
///     }
///
/// Any stored module, parameter or running state, alone, optional or in an array, is found by
/// reflection, once, and is named by its path of property names. A module is not Sendable: it
/// belongs to the thread that trains it.
open class Module {
  /// Whether a network is being trained or used.
  public enum Mode: Sendable, Hashable {
    /// Batch statistics are used and recorded, dropout drops.
    case training
    /// Running statistics are used, dropout does nothing.
    case evaluation
  }

  /// Creates a module in training mode.
  public init() {}

  /// The mode of this module and, when it is set, of all below it.
  public final var mode: Mode {
    get { ownMode }
    set { walk { _, module in module.ownMode = newValue } }
  }
  private final var ownMode = Mode.training

  /// Whether passes through this module and, when it is set, all below it leave their states as
  /// they are, for checks.
  final var isFrozen: Bool {
    get { isOwnFrozen }
    set {
      walk { _, module in
        module.isOwnFrozen = newValue
        for state in module.contents.states { state.state.isFrozen = newValue }
      }
    }
  }
  private final var isOwnFrozen = false

  /// The key of this module's random numbers, from the seed and its path.
  public internal(set) final var key = RandomKey(seed: 0)

  /// The path in the module that was initialised, such as `0`; empty for that module itself.
  public internal(set) final var path = ""

  /// The summary and the path, for errors.
  final var place: String { path.isEmpty ? summary : "\(summary) at '\(path)'" }

  /// The modules directly inside this one, by name, in the order of their declaration.
  public final var children: [(name: String, module: Module)] { contents.children }

  /// The name, type and numbers that describe the layer, such as `Linear(64, 128)`.
  open var summary: String { "\(Self.self)" }

  /// The modules and parameters of a stored property that count as this module's own.
  ///
  /// A container overrides it to give its contents other names than their properties'.
  open var namedContents: [(name: String, value: Any)] {
    var found: [(String, Any)] = []
    var mirror: Mirror? = Mirror(reflecting: self)
    var levels: [[(String, Any)]] = []
    while let level = mirror, level.subjectType != Module.self {
      levels.append(
        level.children.compactMap { child in
          child.label.map { ($0.hasPrefix("_") ? String($0.dropFirst()) : $0, child.value) }
        })
      mirror = level.superclassMirror
    }
    for level in levels.reversed() { found += level }
    return found
  }

  final var layout: ModuleLayout?

  private struct Contents {
    var children: [(name: String, module: Module)] = []
    var parameters: [(name: String, parameter: Parameter)] = []
    var states: [(name: String, state: RunningState)] = []

    mutating func add(_ name: String, _ value: Any) {
      if let parameter = value as? Parameter {
        parameters.append((name, parameter))
      } else if let state = value as? RunningState {
        states.append((state.name ?? name, state))
      } else if let module = value as? Module {
        children.append((name, module))
      } else {
        let mirror = Mirror(reflecting: value)
        switch mirror.displayStyle {
        case .optional: for child in mirror.children { add(name, child.value) }
        case .collection:
          for (index, child) in mirror.children.enumerated() {
            add("\(name).\(index)", child.value)
          }
        default: break
        }
      }
    }
  }

  private final lazy var contents: Contents = {
    var contents = Contents()
    for (name, value) in namedContents { contents.add(name, value) }
    return contents
  }()

  /// Calls `visit` for this module and all below it, each once, with its path.
  final func walk(_ visit: (_ path: String, _ module: Module) -> Void) {
    var seen: Set<ObjectIdentifier> = []
    func descend(_ path: String, _ module: Module) {
      guard seen.insert(ObjectIdentifier(module)).inserted else { return }
      visit(path, module)
      for child in module.children {
        descend(path.isEmpty ? child.name : path + "." + child.name, child.module)
      }
    }
    descend("", self)
  }

  /// The trained tensors by path, in order of declaration; one that is used twice stands once.
  public final var parameters: OrderedDictionary<String, Parameter> {
    var found: OrderedDictionary<String, Parameter> = [:]
    var seen: Set<ObjectIdentifier> = []
    walk { path, module in
      for (name, parameter) in module.contents.parameters
      where seen.insert(ObjectIdentifier(parameter)).inserted {
        found[path.isEmpty ? name : path + "." + name] = parameter
      }
    }
    return found
  }

  /// The tensors that change but are not trained, by path, in order of declaration.
  public final var runningStates: OrderedDictionary<String, RunningState> {
    var found: OrderedDictionary<String, RunningState> = [:]
    var seen: Set<ObjectIdentifier> = []
    walk { path, module in
      for (name, state) in module.contents.states
      where seen.insert(ObjectIdentifier(state)).inserted {
        found[path.isEmpty ? name : path + "." + name] = state
      }
    }
    return found
  }

  /// The number of trained numbers.
  public final var parameterCount: Int {
    parameters.values.reduce(0) { $0 + ($1.shape?.count ?? 0) }
  }

  /// Lays out the parameters in memory and draws their initial values.
  ///
  /// Each value depends on the seed and the parameter's path alone. Calling it again starts anew;
  /// optimisers made before then no longer apply.
  ///
  /// - Parameters:
  ///   - seed: Of the initial values, and of dropout.
  ///   - device: Where the parameters live.
  ///   - dtype: Of the parameters: float32 or float64.
  public final func initialize(
    seed: UInt64, on device: Device = .current, dtype: DType = .float32
  ) {
    let root = RandomKey(seed: seed)
    walk { path, module in
      module.path = path
      module.key = root[path]
    }
    layout = ModuleLayout(parameters, runningStates, root: root, on: device, dtype: dtype)
    walk { _, module in module.finishInitialization() }
  }

  /// Sets the parameters whose initial values follow from others', once those are drawn.
  func finishInitialization() {}

  /// The names that files may have for contents of this module, beside the contents' own.
  var synonyms: [String: String] { [:] }
}

/// Where the parameters and running states of an initialised module lie.
struct ModuleLayout {
  let parameters: [Parameter]
  let arena: Arena

  init(
    _ parameters: OrderedDictionary<String, Parameter>,
    _ states: OrderedDictionary<String, RunningState>, root: RandomKey, on device: Device,
    dtype: DType
  ) {
    require(
      dtype.isComputed, "initialize: parameters are float32 or float64, not \(dtype)")
    var length = 0
    var shapes: [Shape] = []
    for (path, parameter) in parameters {
      guard let shape = parameter.shape else {
        fatalError(
          "initialize: parameter '\(path)' has no shape; build its layer, or give its input's size")
      }
      parameter.path = path
      shapes.append(shape)
      length += Arena.paddedCount(shape.count, dtype: dtype)
    }
    arena = Arena(length: length, dtype: dtype, on: device)
    var offset = 0
    for (parameter, shape) in zip(parameters.values, shapes) {
      parameter.place = (arena, offset)
      offset += Arena.paddedCount(shape.count, dtype: dtype)
      parameter.assign(
        parameter.initializer.draw(
          shape, parameter.fans ?? Fans(of: shape), root[parameter.path], dtype, device))
    }
    self.parameters = Array(parameters.values)
    ModuleLayout.placeStates(states, on: device, dtype: dtype)
  }

  /// Gives the states of each dtype an arena of their own.
  private static func placeStates(
    _ states: OrderedDictionary<String, RunningState>, on device: Device, dtype: DType
  ) {
    let groups = Dictionary(grouping: states) { $0.value.dtype ?? dtype }
    for (kind, members) in groups {
      let lengths = members.map { path, state -> Int in
        guard let shape = state.shape else {
          fatalError(
            "initialize: state '\(path)' has no shape; build its layer, or give its input's size")
        }
        return Arena.paddedCount(shape.count, dtype: kind)
      }
      let arena = Arena(length: lengths.reduce(0, +), dtype: kind, on: device)
      var offset = 0
      for (member, length) in zip(members, lengths) {
        let state = member.value
        state.place = (arena, offset)
        offset += length
        state.assign(.full(state.shape ?? .scalar, state.startingValue, dtype: kind, on: device))
      }
    }
  }
}
