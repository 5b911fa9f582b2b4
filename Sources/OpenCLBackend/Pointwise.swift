public import Compute
import OpenCLRuntime

extension OpenCLBackend {
  /// Evaluates expressions at every position: `outputs[k][i] = expressions[k](operands[…][i])`.
  ///
  /// One launch computes all outputs. Traps when the shapes or the numbers of expressions and
  /// outputs differ, or when a function that integers do not have meets integers alone.
  public func map(_ expressions: [Expression], of operands: [Operand], into outputs: [View])
    throws
  {
    checkMap(expressions, of: operands, into: outputs)
    guard let shape = outputs.first?.shape, shape.count > 0 else { return }
    var launch = try mapping(expressions, of: operands, into: outputs)
    launch.copy = CopiedRegion(expressions, of: operands, into: outputs)
    try submit([launch], writing: outputs)
  }

  /// The launch of a pointwise kernel on views of one shape that has elements.
  func mapping(
    _ expressions: [Expression], of operands: [Operand], into outputs: [View]
  ) throws -> Launch {
    let views = operands.compactMap(\.view) + outputs
    let type = ComputeType(views.map(\.dtype))
    // The order of positions does not matter, so neighbours are those of the first output.
    let order = outputs[0].strides.indices.sorted {
      (-abs(outputs[0].strides[$0]), $0) < (-abs(outputs[0].strides[$1]), $1)
    }
    let axes = AxisLayout(
      lengths: order.map { outputs[0].shape.dimensions[$0] },
      strides: views.map { view in order.map { view.strides[$0] } })
    let columns = axes.lengths[axes.rank - 1]
    let index = profile.indexType(views)

    let lanes = lanes(for: expressions, views, steps: views.indices.map(axes.step), type)

    var specification = PointwiseKernel(
      expressions: expressions,
      parameters: operands.map { operand in operand.view.map { .view($0.dtype) } ?? .number },
      outputs: outputs.map(\.dtype), steps: views.indices.map(axes.step), rank: axes.rank,
      lanes: lanes,
      traffic: lanes > 1
        ? traffic(reading: operands.compactMap(\.view), writing: outputs) : .cached,
      type: type, index: index,
      group: Self.group(
        of: max(1, profile.elementGroup / lanes), columns: columns.dividedRoundingUp(by: lanes),
        rank: axes.rank))
    var kernel = try stream.prepare(specification)
    while specification.group.count > kernel.workGroupLimit {
      specification.group = Self.group(
        of: specification.group.count / 2, columns: columns.dividedRoundingUp(by: lanes),
        rank: axes.rank)
      kernel = try stream.prepare(specification)
    }

    var arguments: [LaunchArgument] = []
    for operand in operands {
      switch operand {
      case .view(let view): arguments.append(try .view(view))
      case .scalar(let number): arguments.append(.scalar(number, type))
      }
    }
    for output in outputs { arguments.append(try .view(output)) }
    arguments.append(
      index.argument(
        axes.lengths + views.map(\.offset) + axes.strides.flatMap { $0 }, as: "struct layout"))

    // Drivers limit the second dimension to 65,535 groups.
    let rows = axes.lengths.dropLast().reduce(1, *)
    let height = min(rows, 1 << 15)
    return Launch(
      kernel: kernel, arguments: arguments,
      items: WorkSize(
        columns.dividedRoundingUp(by: lanes), height, rows.dividedRoundingUp(by: height)),
      local: WorkSize(specification.group.x, specification.group.y, 1),
      work: rows * columns * views.count)
  }

  /// The neighbours that a work-item treats side by side: several where all that is read and written
  /// lies side by side, and no function is worse for it.
  private func lanes(
    for expressions: [Expression], _ views: [View], steps: [Step], _ type: ComputeType
  ) -> Int {
    let fits =
      type != .int64 && views.allSatisfy { $0.dtype.isComputed && $0.dtype.computeType == type }
      && !steps.contains(.any)
    return fits && expressions.areExactOnVectors
      ? profile.lanes(elementBytes: type.byteCount) : 1
  }

  /// Whether a function of single elements, an activation or a derivative, costs less in the epilogue of
  /// another operation than in a launch of its own: not where processors have long vector functions
  /// for it, which would be compiled anew for each operation and for each row of its tiles.
  public func isWorthFusing(_ function: Expression) -> Bool {
    profile.lanes == 1 || ![function].gainFromVectors
  }

  /// A work-group of a size, wide where the rows are long.
  private static func group(of size: Int, columns: Int, rank: Int) -> GroupShape {
    let width = rank == 1 || columns >= 128 ? size : min(size, columns >= 32 ? 64 : 16)
    return GroupShape(x: width, y: size / width)
  }
}

/// The extent of a work-group.
struct GroupShape: Sendable, Hashable {
  var x: Int
  var y: Int
  /// The number of work-items.
  var count: Int { x * y }
}

/// What an operand is to a kernel.
enum OperandKind: Sendable, Hashable {
  case view(DType)
  case number
}

/// A kernel that evaluates expressions at every position.
private struct PointwiseKernel: KernelSpecification {
  let expressions: [Expression]
  let parameters: [OperandKind]
  let outputs: [DType]
  /// Of the operands that are views, then of the outputs.
  let steps: [Step]
  let rank: Int
  let lanes: Int
  let traffic: Traffic
  let type: ComputeType
  let index: IndexType
  var group: GroupShape

  var file: String { "pointwise.cl" }
  var function: String { "pointwise" }
  var sharesWork: Bool { false }
  var variantLabel: String { "\(steps.count - outputs.count)→\(outputs.count)" }

  var definitions: Definitions {
    let operands = OperandSource(parameters, in: type, isUniform: steps.map { $0 == .none })
    let isWide = lanes > 1
    let printer = ExpressionPrinter(expressions, in: type, isWide: isWide) {
      isWide ? operands.wideValue($0) : operands.value($0)
    }
    var parameterList = operands.parameters
    var body = printer.statements
    for (number, output) in outputs.enumerated() {
      let view = operands.viewCount + number
      parameterList.append("__global \(output.openCLName) *v\(view)")
      let result = printer.results[number]
      body.append(
        isWide ? "KEEP(\(view), \(result));" : "STORE_\(output)(v\(view), AT(\(view)), \(result));")
    }
    var definitions = type.definitions(index, dtypes: operands.dtypes + outputs)
    definitions.append([
      "RANK": .integer(rank), "VIEWS": .integer(steps.count), "GROUP_X": .integer(group.x),
      "GROUP_Y": .integer(group.y), "PARAMETERS": .code(parameterList.joined(separator: ", ")),
      "UNIFORMS": .code(operands.uniforms.joined(separator: "\n")),
      "BODY": .code(body.joined(separator: "\n")), "LANES": .integer(lanes),
    ])
    if isWide { definitions.define("WIDE_EXPRESSIONS") }
    definitions.append(traffic.definitions)
    definitions.append(Step.definitions(steps))
    return definitions
  }
}

extension Step {
  /// The macros that give each view's stride along the walked axis.
  static func definitions(_ steps: [Step]) -> Definitions {
    var definitions = Definitions()
    for (view, step) in steps.enumerated() {
      definitions.define("STEP_\(view)", .code(step.source(view: view)))
    }
    return definitions
  }
}

/// How a kernel takes the operands of an expression: views as pointers `v`, numbers as `s`.
struct OperandSource {
  /// The kernel's parameters.
  private(set) var parameters: [String] = []
  /// The dtypes of the views.
  private(set) var dtypes: [DType] = []
  /// The statements that read the uniform views, as `u` with the view's number.
  private(set) var uniforms: [String] = []
  /// The number of views.
  var viewCount: Int { dtypes.count }
  private var values: [String] = []
  private var wideValues: [String] = []

  /// Names the operands of an expression that is evaluated in a type.
  ///
  /// - Parameter isUniform: For each view, whether a whole row has one element of it, to be read
  ///   once; of none if the kernel has no place for that.
  init(_ operands: [OperandKind], in type: ComputeType, isUniform: [Bool] = []) {
    for (number, operand) in operands.enumerated() {
      switch operand {
      case .view(let dtype):
        let view = dtypes.count
        parameters.append("__global const \(dtype.openCLName) *v\(view)")
        if isUniform.indices.contains(view), isUniform[view] {
          uniforms.append("const SCALAR u\(view) = LOAD_\(dtype)(v\(view), row_start[\(view)]);")
          values.append("u\(view)")
          wideValues.append("u\(view)")
        } else {
          values.append("LOAD_\(dtype)(v\(view), AT(\(view)))")
          wideValues.append("FETCH(\(view))")
        }
        dtypes.append(dtype)
      case .number:
        parameters.append("const SCALAR s\(number)")
        values.append("s\(number)")
        wideValues.append("s\(number)")
      }
    }
  }

  /// The source of an operand's value.
  func value(_ operand: Int) -> String { values[operand] }

  /// The source of an operand's value at several neighbours.
  func wideValue(_ operand: Int) -> String { wideValues[operand] }
}

extension DType {
  /// The C type of an element in memory: `TYPE_x` of `element.clh`.
  var openCLName: String { "TYPE_\(self)" }
}
