public import Compute
public import NeuralNetworks
public import Tensors

/// Examples on the host with the class of each: rows of a table, or of arrays.
public protocol LabeledData: Sendable {
  /// What more data must have to be used with a model trained on this.
  var schema: ExampleSchema { get }
  /// The class of each example: an index into the vocabulary of labels.
  var classes: [Int] { get }

  /// The examples of the given numbers, in the given order, with the whole vocabulary.
  func selecting(rows: [Int]) -> Self

  /// The mean and deviation of each feature; traps where there are no examples.
  func standardization() -> Standardization

  /// The inputs on a device, `[rows, …]`, standardised if need be.
  func inputs(_ standardization: Standardization?, dtype: DType, on device: Device) -> Tensor
}

extension LabeledData {
  /// The number of examples.
  public var rowCount: Int { classes.count }

  /// The examples on a device, with classes as labels of int32.
  public func examples(
    _ standardization: Standardization? = nil, dtype: DType = .float32,
    on device: Device = .current
  ) -> Examples {
    Examples(
      inputs: inputs(standardization, dtype: dtype, on: device),
      targets: Tensor(classes.map(Int32.init), shape: [rowCount], on: device))
  }

  /// Divides the examples as ``StratifiedSplit`` does; both parts keep the whole vocabulary.
  public func split(heldOutFraction: Double, key: RandomKey) -> (training: Self, heldOut: Self) {
    let split = StratifiedSplit(classes: classes, heldOutFraction: heldOutFraction, key: key)
    return (selecting(rows: split.training), selecting(rows: split.heldOut))
  }
}

extension LabeledTable: LabeledData {
  /// The columns and labels.
  public var schema: ExampleSchema { .table(tableSchema) }

  /// That of the features.
  public func standardization() -> Standardization { Standardization(fitting: features) }

  /// The features, `[rows, features]`.
  public func inputs(
    _ standardization: Standardization?, dtype: DType, on device: Device
  ) -> Tensor {
    (standardization?.applied(to: features) ?? features).tensor(dtype: dtype, on: device)
  }
}

extension Table {
  /// The rows on a device, `[rows, features]`.
  public func tensor(dtype: DType = .float32, on device: Device = .current) -> Tensor {
    Tensor(values, shape: [rowCount, featureCount], dtype: dtype, on: device)
  }
}
