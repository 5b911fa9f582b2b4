import Compute
import Tensors

// Initialisers that see a weight as a matrix: a row for each output, the further axes as its
// columns. A vector is a matrix of one column.

extension Initializer {
  /// A random matrix whose rows are orthonormal, or its columns where they are fewer, times a gain.
  ///
  /// Of all such matrices each is equally likely. The rows of normal numbers are made orthonormal
  /// by Gram and Schmidt's method, done twice, which leaves products of rows at rounding. Computed
  /// on the host in Float64, so that every device gets the same; the work grows with the cube of
  /// the matrix, and is a second for 1000 × 1000.
  ///
  /// Source: A. Saxe, J. McClelland, S. Ganguli, "Exact solutions to the nonlinear dynamics of
  /// learning in deep linear neural networks", ICLR 2014; L. Giraud, J. Langou, M. Rozložník, "On
  /// the loss of orthogonality in the Gram–Schmidt orthogonalization process", 2005, for twice.
  public static func orthogonal(gain: Double = 1) -> Initializer {
    Initializer(gain == 1 ? "orthogonal" : "orthogonal(gain \(gain))") {
      shape, _, key, dtype, device in
      let matrix = MatrixShape(shape)
      let vectorCount = min(matrix.rows, matrix.columns)
      let length = max(matrix.rows, matrix.columns)
      let draws = Tensor.normal(
        [vectorCount, length], key: key, dtype: .float64, on: .reference)
      let vectors: [Double]
      do {
        vectors = orthonormalized(try draws.array(), length: length)
      } catch {
        let failed = Tensor.zeros(shape, dtype: dtype, on: device)
        failed.fail(error)
        return failed
      }
      let isRowWise = matrix.rows <= matrix.columns
      return matrix.tensor(dtype, device, shape) { row, column in
        gain * vectors[isRowWise ? row * length + column : column * length + row]
      }
    }
  }

  /// Ones where the number of the input is that of the output, times a gain: what comes in goes out.
  ///
  /// The weight of a convolution, `[out, in / groups, …]`, has them in the middle of its kernels,
  /// within each group anew.
  ///
  /// Source: S. Zagoruyko, N. Komodakis, "DiracNets", 2017, for convolutions.
  public static func identity(gain: Double = 1) -> Initializer {
    Initializer(gain == 1 ? "identity" : "identity(gain \(gain))") {
      shape, fans, _, dtype, device in
      let matrix = MatrixShape(shape)
      let outputs = max(matrix.rows / max(fans.groupCount, 1), 1)
      // The middle of the kernel, and how far the same place of the next input is.
      let kernel = Shape(Array(shape.dimensions.dropFirst(2)))
      let middle = zip(kernel.dimensions, kernel.contiguousStrides).reduce(0) {
        $0 + $1.0 / 2 * $1.1
      }
      return matrix.tensor(dtype, device, shape) { row, column in
        column == row % outputs * kernel.count + middle ? gain : 0
      }
    }
  }

  /// Normal numbers with mean 0, of which a share in each column is 0.
  ///
  /// Each input is then connected to few units, whatever their number. In every column the share of
  /// the rows, rounded up, is chosen by chance.
  ///
  /// Source: J. Martens, "Deep learning via Hessian-free optimization", ICML 2010, section 5.
  public static func sparse(sparsity: Double = 0.9, deviation: Double = 0.01) -> Initializer {
    Initializer("sparse(\(sparsity), \(deviation))") { shape, _, key, dtype, device in
      let matrix = MatrixShape(shape)
      let zeroCount = min(Int((sparsity * Double(matrix.rows)).rounded(.up)), matrix.rows)
      var isZero = [Bool](repeating: false, count: matrix.rows * matrix.columns)
      for column in 0..<matrix.columns {
        for row in key["zeros"][column].permutation(matrix.rows).prefix(zeroCount) {
          isZero[row * matrix.columns + column] = true
        }
      }
      let mask = matrix.tensor(dtype, device, shape) { row, column in
        isZero[row * matrix.columns + column] ? 0 : 1
      }
      return mask * .normal(shape, deviation: deviation, key: key, dtype: dtype, on: device)
    }
  }
}

/// A weight seen as a matrix.
private struct MatrixShape {
  let rows: Int
  let columns: Int

  init(_ shape: Shape) {
    rows = shape.rank > 0 ? shape[0] : 1
    columns = shape.dimensions.dropFirst().reduce(1, *)
  }

  /// A tensor of the weight's own shape, from its elements as a matrix.
  func tensor(
    _ dtype: DType, _ device: Device, _ shape: Shape,
    _ element: (_ row: Int, _ column: Int) -> Double
  ) -> Tensor {
    var values: [Double] = []
    values.reserveCapacity(rows * columns)
    for row in 0..<rows {
      for column in 0..<columns { values.append(element(row, column)) }
    }
    return Tensor(values, shape: shape, dtype: dtype, on: device)
  }
}

/// Vectors one after another, made orthonormal in their order.
private func orthonormalized(_ vectors: [Double], length: Int) -> [Double] {
  guard length > 0 else { return vectors }
  var vectors = vectors
  vectors.withUnsafeMutableBufferPointer { buffer in
    for start in stride(from: 0, to: buffer.count, by: length) {
      let vector = buffer.extracting(start..<(start + length))
      for _ in 0..<2 {
        for earlier in stride(from: 0, to: start, by: length) {
          let other = UnsafeBufferPointer(buffer.extracting(earlier..<(earlier + length)))
          let share = product(UnsafeBufferPointer(vector), other)
          for index in 0..<length { vector[index] -= share * other[index] }
        }
      }
      let norm = product(UnsafeBufferPointer(vector), UnsafeBufferPointer(vector)).squareRoot()
      for index in 0..<length { vector[index] /= norm }
    }
  }
  return vectors
}

/// The inner product, as eight sums that the processor adds up side by side.
private func product(_ x: UnsafeBufferPointer<Double>, _ y: UnsafeBufferPointer<Double>) -> Double {
  let width = 8
  var sums = SIMD8<Double>.zero
  var rest = 0.0
  let whole = x.count / width * width
  for start in stride(from: 0, to: whole, by: width) {
    var (left, right) = (SIMD8<Double>.zero, SIMD8<Double>.zero)
    for lane in 0..<width {
      left[lane] = x[start + lane]
      right[lane] = y[start + lane]
    }
    sums += left * right
  }
  for index in whole..<x.count { rest += x[index] * y[index] }
  return sums.sum() + rest
}
