import Compute
import OrderedCollections
public import Tensors

/// The gradient of a loss with respect to a module's parameters.
///
/// It has the parameters' layout: one row in memory, zero between them.
public struct Gradients {
  /// All gradients, one after another, padding included.
  let whole: Tensor
  private let layout: ModuleLayout

  /// Gathers gradients into an arena made for them.
  init(_ gradients: [Tensor], into target: Arena, layout: ModuleLayout) {
    var failure: (any Error)?
    for (parameter, gradient) in zip(layout.parameters, gradients) {
      guard let place = parameter.place else { continue }
      failure =
        Arena.update(
          [.init(target, at: place.offset, shape: gradient.shape, to: .input(0))],
          from: [.tensor(gradient)]) ?? failure
    }
    whole = target.whole
    if let failure { whole.fail(failure) }
    self.layout = layout
  }

  /// The gradient of one parameter, of its shape; traps when the module does not hold it.
  public subscript(parameter: Parameter) -> Tensor {
    guard let place = parameter.place, place.arena === layout.arena, let shape = parameter.shape
    else {
      fatalError(
        "gradients: parameter '\(parameter.path)' does not belong to the module differentiated")
    }
    let start = place.offset
    return whole[start..<(start + shape.count)].reshaped(to: shape)
  }

  /// The Euclidean norm of all gradients together, a scalar.
  public var norm: Tensor { sum(whole) { $0 * $0 }.squareRoot }

  /// Why the gradients cannot be used, or nil.
  var failure: (any Error)? { whole.view.storage.failure }

  func belongs(to layout: ModuleLayout) -> Bool { self.layout.arena === layout.arena }
}

/// A loss and its gradient with respect to a module's parameters.
///
///     let (loss, gradients) = valueWithGradient(of: model) { crossEntropy(model(x), labels) }
///
/// The gradient is that of the sum of the loss's elements. Batch statistics that the module keeps
/// are updated once. Traps when the module is not initialised or is being differentiated already.
public func valueWithGradient(of module: Module, _ loss: () -> Tensor) -> (
  value: Tensor, gradients: Gradients
) {
  let (value, _, gradients) = valueWithGradient(of: module) { (loss(), ()) }
  return (value, gradients)
}

/// A loss, a further result, and the loss's gradient with respect to a module's parameters.
public func valueWithGradient<Result>(
  of module: Module, _ body: () -> (loss: Tensor, result: Result)
) -> (value: Tensor, result: Result, gradients: Gradients) {
  let layout = module.requireLayout("valueWithGradient")
  let values = layout.parameters.map(\.wrappedValue)
  // Made before the gradients, so that a captured step can compute them where they belong.
  let target = Arena(
    writing: values.map(\.shape.count), dtype: layout.arena.dtype, on: layout.arena.device)
  let (value, result, gradients) = valueWithGradientAndResult(at: values) { tracked in
    layout.substituting(tracked) { body() }
  }
  return (value, result, Gradients(gradients, into: target, layout: layout))
}

extension Module {
  func requireLayout(_ operation: String) -> ModuleLayout {
    guard let layout else {
      fatalError("\(operation): the module has no values yet; call initialize(seed:) on it first")
    }
    return layout
  }

  /// Computes something with other values in the parameters' place, and leaves no trace of it.
  ///
  /// For checks: `values` are in the order of ``parameters``. Running states do not change, and
  /// dropout drops the same elements each time.
  public func substituting<Result>(_ values: [Tensor], _ body: () -> Result) -> Result {
    let wasFrozen = isFrozen
    isFrozen = true
    defer { isFrozen = wasFrozen }
    return requireLayout("substituting").substituting(values, body)
  }
}

extension ModuleLayout {
  fileprivate func substituting<Result>(_ values: [Tensor], _ body: () -> Result) -> Result {
    let before = parameters.map(\.substitute)
    for (parameter, value) in zip(parameters, values) {
      require(
        value.shape == parameter.shape,
        "substituting: parameter '\(parameter.path)' has shape \(parameter.shape ?? .scalar), not \(value.shape)"
      )
      parameter.substitute = value
    }
    defer { for (parameter, value) in zip(parameters, before) { parameter.substitute = value } }
    return body()
  }
}
