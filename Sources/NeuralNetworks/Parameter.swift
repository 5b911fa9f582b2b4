public import Compute
public import Tensors

/// A tensor of a module that is trained.
///
///     @Parameter(shape: [128, 64], initializer: .heNormal()) var weight: Tensor
///
/// Reading the property gives the tensor; `$weight` is the parameter itself, which names its
/// gradient: `gradients[layer.$weight]`. The values live in the arena that
/// ``Module/initialize(seed:on:dtype:)`` lays out.
@propertyWrapper
public final class Parameter {
  /// The lengths of the axes; set when the layer is built.
  public internal(set) var shape: Shape?
  /// How the initial values are drawn.
  public let initializer: Initializer
  /// The number of inputs and outputs of a unit, where they do not follow from the shape.
  public internal(set) var fans: Fans?
  /// The path in the module that was initialised, such as `0.weight`.
  public internal(set) var path = ""

  var place: (arena: Arena, offset: Int)?
  /// What stands in for the values: during a differentiation, or a check.
  var substitute: Tensor?

  /// Creates a parameter; a layer that learns its input's shape later leaves `shape` nil.
  public init(shape: Shape? = nil, initializer: Initializer, fans: Fans? = nil) {
    self.shape = shape
    self.initializer = initializer
    self.fans = fans
  }

  /// The current values.
  ///
  /// Traps before the module was initialised.
  public var wrappedValue: Tensor {
    if let substitute { return substitute }
    guard let place, let shape else {
      fatalError(
        "a parameter\(path.isEmpty ? "" : " '\(path)'") has no values yet; call initialize(seed:) on the whole model"
      )
    }
    return place.arena.tensor(at: place.offset, shape: shape)
  }

  /// The current values, for a parameter that is not written as a property wrapper.
  public var value: Tensor { wrappedValue }

  /// The parameter itself.
  public var projectedValue: Parameter { self }

  /// Replaces the values.
  ///
  /// Traps on another shape. Whoever holds a tensor of the old values keeps them.
  public func assign(_ values: Tensor) {
    guard let place, let shape else {
      fatalError("a parameter has no values yet; call initialize(seed:) on the whole model")
    }
    require(
      values.shape == shape, "parameter '\(path)' has shape \(shape), not \(values.shape)")
    let failure = Arena.update(
      [.init(place.arena, at: place.offset, shape: shape, to: .input(0))], from: [.tensor(values)])
    if let failure { place.arena.whole.fail(failure) }
  }
}

/// A tensor of a module that changes but is not trained, such as a running mean.
///
/// It is saved with the module unless it says otherwise.
@propertyWrapper
public final class RunningState {
  /// The name in files, where it differs from the property's.
  public let name: String?
  /// The lengths of the axes; set when the layer is built.
  public internal(set) var shape: Shape?
  /// The element type, or nil for the parameters'.
  public let dtype: DType?
  /// The value that every element starts with.
  public let startingValue: Double
  /// Whether files have it.
  public let isSaved: Bool

  var place: (arena: Arena, offset: Int)?
  /// Whether forward passes leave the values alone, as gradient checks demand.
  var isFrozen = false

  /// Creates a state; a layer that learns its input's shape later leaves `shape` nil.
  public init(
    name: String? = nil, shape: Shape? = nil, dtype: DType? = nil, startingValue: Double,
    isSaved: Bool = true
  ) {
    self.name = name
    self.shape = shape
    self.dtype = dtype
    self.startingValue = startingValue
    self.isSaved = isSaved
  }

  /// The current values; traps before the module was initialised.
  public var wrappedValue: Tensor {
    guard let place, let shape else {
      fatalError("a running state has no values yet; call initialize(seed:) on the whole model")
    }
    return place.arena.tensor(at: place.offset, shape: shape)
  }

  /// The state itself.
  public var projectedValue: RunningState { self }

  /// Replaces the values of states of one shape, in one launch.
  ///
  /// Expressions refer first to the states, in order, then to the tensors, then to the scalars.
  /// An element whose new value is not finite stays as it was, so that a bad batch does not
  /// outlive its step. Frozen states do not change.
  static func update(
    _ states: [RunningState], tensors: [Tensor], scalars: [Double] = [],
    to build: (_ states: [Expression], _ tensors: [Expression], _ scalars: [Expression]) ->
      [Expression]
  ) {
    guard states.allSatisfy({ !$0.isFrozen }) else { return }
    let inputs = (0..<(states.count + tensors.count + scalars.count)).map { Expression.input($0) }
    let old = Array(inputs[..<states.count])
    let new = build(
      old, Array(inputs[states.count..<(states.count + tensors.count)]),
      Array(inputs[(states.count + tensors.count)...]))
    var targets: [Arena.Target] = []
    var arguments: [Arena.Argument] = []
    for (index, state) in states.enumerated() {
      guard let place = state.place, let shape = state.shape else {
        fatalError("a running state has no values yet; call initialize(seed:) on the whole model")
      }
      targets.append(
        .init(
          place.arena, at: place.offset, shape: shape,
          to: select(new[index].isFinite, new[index], old[index])))
      arguments.append(.arena(place.arena, at: place.offset, shape: shape))
    }
    arguments += tensors.map { .tensor($0.detached) } + scalars.map { .scalar($0) }
    // Failed operands leave the statistics as they are; the loss of the same step carries the
    // error to whoever reads it.
    _ = Arena.update(targets, from: arguments)
  }

  /// Replaces the values; traps on another shape.
  public func assign(_ values: Tensor) {
    guard let place, let shape else {
      fatalError("a running state has no values yet; call initialize(seed:) on the whole model")
    }
    require(values.shape == shape, "a running state has shape \(shape), not \(values.shape)")
    let failure = Arena.update(
      [.init(place.arena, at: place.offset, shape: shape, to: .input(0))], from: [.tensor(values)])
    if let failure { place.arena.whole.fail(failure) }
  }
}
