public import Compute
public import Tensors

/// A vector for each of a number of things, learned: the rows of a table, by number.
///
/// Numbers of any shape `[n, …]` give `[n, …, width]`; the weight is `[count, width]`, drawn from a
/// unit normal as in PyTorch. The gradient adds up where a row was taken several times. Numbers are
/// integers, or floating-point numbers that are whole, as a table of features has them; one outside
/// 0..<count gives NaN, which stops training before it does harm.
public final class Embedding: Module, Layer {
  /// The table, `[count, width]`.
  @Parameter public var weight: Tensor
  /// The number of rows.
  public let rowCount: Int
  /// The length of a row.
  public let width: Int
  /// The number of the row that stands for nothing: zeros at first, and not trained.
  public let paddingIndex: Int?

  /// Creates a table; traps when the padding is not one of its rows.
  public init(
    _ rowCount: Int, _ width: Int, paddingIndex: Int? = nil,
    weight: Initializer = .normal(deviation: 1)
  ) {
    require(
      rowCount >= 1 && width >= 1 && (0..<rowCount).contains(paddingIndex ?? 0),
      """
      Embedding: \(rowCount) rows of \(width)\
      \(paddingIndex.map { ", of which row \($0) is padding" } ?? "")
      """)
    self.rowCount = rowCount
    self.width = width
    self.paddingIndex = paddingIndex
    _weight = Parameter(shape: [rowCount, width], initializer: weight)
  }

  /// `Embedding(count, width)`.
  public override var summary: String {
    "Embedding(\(rowCount), \(width)\(paddingIndex.map { ", padding \($0)" } ?? ""))"
  }

  /// The rows with the given numbers.
  public func callAsFunction(_ x: Tensor) -> Tensor {
    let numbers = x.dtype.isFloatingPoint ? x.detached.cast(to: .int32) : x
    let rows = weight.gather(numbers)
    guard let paddingIndex else { return rows }
    // What was loaded for the padding is given, as in PyTorch, but no gradient goes there.
    let isThere = (numbers .!= Double(paddingIndex)).cast(to: rows.dtype)
    return isThere.expandingShape(at: -1).select(rows, rows.detached)
  }

  override func finishInitialization() {
    guard let paddingIndex else { return }
    let values = weight
    let isThere =
      Tensor.range(rowCount, dtype: values.dtype, on: values.device) .!= Double(paddingIndex)
    $weight.assign(values * isThere.cast(to: values.dtype).expandingShape(at: -1))
  }

  /// A row for each number.
  public func build(input: Shape) throws(ModelError) -> Shape {
    Shape(input.dimensions + [width])
  }
}
