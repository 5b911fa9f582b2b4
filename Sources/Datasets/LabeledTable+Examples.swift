public import Compute
public import NeuralNetworks
public import Tensors

extension LabeledTable {
  /// The rows on a device: features as `[rows, features]`, classes as labels of int32.
  public func examples(dtype: DType = .float32, on device: Device = .current) -> Examples {
    Examples(
      inputs: features.tensor(dtype: dtype, on: device),
      targets: Tensor(classes.map(Int32.init), shape: [rowCount], on: device))
  }
}

extension Table {
  /// The rows on a device, `[rows, features]`.
  public func tensor(dtype: DType = .float32, on device: Device = .current) -> Tensor {
    Tensor(values, shape: [rowCount, featureCount], dtype: dtype, on: device)
  }
}
