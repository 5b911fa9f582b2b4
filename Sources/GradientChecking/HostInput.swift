import Compute
import Tensors

/// An input's numbers on the host, and how they are to lie on a device.
///
/// Every device and dtype is given the same numbers in the same layout, and a difference step
/// changes the numbers without changing the layout.
struct HostInput: Sendable {
  /// How reports call the input.
  let name: String
  let shape: Shape
  let layout: SampleInput.Layout
  /// Whether the function has a gradient with respect to it; the others are int32 labels.
  let isDifferentiable: Bool
  /// The elements, row-major.
  let values: [Double]

  /// The numbers as a tensor; `dtype` is that of the differentiable inputs.
  func tensor(_ dtype: DType, on device: Device) -> Tensor {
    tensor(of: values, dtype, on: device)
  }

  /// Other numbers in this input's place.
  func tensor(of values: [Double], _ dtype: DType, on device: Device) -> Tensor {
    let dtype = isDifferentiable ? dtype : .int32
    switch layout {
    case .transposed where shape.rank >= 2:
      let rows = shape[-2]
      let columns = shape[-1]
      var stored = values
      for start in stride(from: 0, to: values.count, by: max(rows * columns, 1)) {
        for row in 0..<rows {
          for column in 0..<columns {
            stored[start + column * rows + row] = values[start + row * columns + column]
          }
        }
      }
      let swapped = Shape(shape.dimensions.dropLast(2) + [columns, rows])
      return Tensor(stored, shape: swapped, dtype: dtype, on: device).transposed()
    case .contiguous, .transposed:
      return Tensor(values, shape: shape, dtype: dtype, on: device)
    case .sliced:
      // Between the elements stand NaNs, so that a kernel that reads a neighbour shows it.
      let width = shape.dimensions.last ?? 1
      let rowCount = shape.dimensions.dropLast().reduce(1, *)
      let filler = isDifferentiable ? Double.nan : 0
      var stored = [Double](repeating: filler, count: rowCount * (2 * width + 1))
      for row in 0..<rowCount {
        for column in 0..<width {
          stored[row * (2 * width + 1) + 2 * column + 1] = values[row * width + column]
        }
      }
      let doubled = Shape(shape.dimensions.dropLast() + [2 * width + 1])
      let whole = Tensor(stored, shape: doubled, dtype: dtype, on: device)
      return whole.slice(axis: -1, 1..<(2 * width + 1), by: 2).reshaped(to: shape)
    }
  }

  /// The indices of the element at a row-major position.
  func index(at position: Int) -> [Int] { shape.index(at: position) }
}

extension HostInput {
  /// The shape and, where it is not row-major, the layout: `[3, 17] transposed`.
  var summary: String {
    layout == .contiguous ? "\(shape)" : "\(shape) \(layout.rawValue)"
  }
}

extension Shape {
  /// The indices of the element at a row-major position.
  func index(at position: Int) -> [Int] {
    var rest = position
    return zip(dimensions, contiguousStrides).map { length, stride in
      defer { rest %= max(stride, 1) }
      return rest / max(stride, 1) % max(length, 1)
    }
  }
}
