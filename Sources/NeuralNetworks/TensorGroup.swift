public import Tensors

/// A value that is made of tensors, such as a batch.
///
/// A training step takes the tensors of one batch in the place of another's, so it has to find
/// them. Tensors, ``Examples`` and arrays of either are groups; any other type can say what its
/// tensors are.
public protocol TensorGroup {
  /// The tensors, in an order that is always the same.
  var tensors: [Tensor] { get }

  /// The same value with every tensor replaced, in the order of ``tensors``.
  func mappingTensors(_ transform: (Tensor) -> Tensor) -> Self
}

extension Tensor: TensorGroup {
  /// The tensor itself.
  public var tensors: [Tensor] { [self] }

  /// The tensor's replacement.
  public func mappingTensors(_ transform: (Tensor) -> Tensor) -> Tensor { transform(self) }
}

extension Examples: TensorGroup {
  /// Inputs and targets.
  public var tensors: [Tensor] { [inputs, targets] }

  /// Examples of other inputs and targets.
  public func mappingTensors(_ transform: (Tensor) -> Tensor) -> Examples {
    Examples(inputs: transform(inputs), targets: transform(targets))
  }
}

extension Array: TensorGroup where Element: TensorGroup {
  /// The tensors of all elements.
  public var tensors: [Tensor] { flatMap(\.tensors) }

  /// The elements, each with its tensors replaced.
  public func mappingTensors(_ transform: (Tensor) -> Tensor) -> [Element] {
    map { $0.mappingTensors(transform) }
  }
}
