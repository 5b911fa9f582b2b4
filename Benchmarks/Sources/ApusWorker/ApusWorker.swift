import Apus
import Cases
import Foundation

/// Answers cases as the workers in `Peers` do: a case a line in, the seconds of one run out.
@main
struct ApusWorker {
  /// Runs are repeated within one answer until they have taken so long.
  private static let leastDuration = 0.1

  /// A case is run for so long before it is timed.
  private static let warmUp = Duration.seconds(2)

  static func main() throws {
    try answer(["worker": "Apus on \(Device.current)"])
    var prepared: (line: String, run: () throws -> Tensor)?
    while let line = readLine() {
      do {
        if prepared?.line != line {
          prepared = nil
          guard let measured = Case(line) else {
            try answer(["skipped": "'\(line)' is no case"])
            continue
          }
          let run = try measured.prepared()
          // Kernels are built, steps captured, and what was captured compiled, first.
          let start = ContinuousClock.now
          var runs = 0
          while runs < 5 || ContinuousClock.now < start + warmUp {
            try run().wait()
            runs += 1
          }
          prepared = (line, run)
        }
        if let run = prepared?.run { try answer(["seconds": seconds(run)]) }
      } catch {
        try answer(["skipped": "\(error)"])
      }
    }
  }

  /// Writes a line of JSON at once: the driver waits for it.
  private static func answer(_ fields: [String: some Encodable]) throws {
    FileHandle.standardOutput.write(try JSONEncoder().encode(fields) + [UInt8(ascii: "\n")])
  }

  private static func seconds(_ run: () throws -> Tensor) throws -> Double {
    var repeats = 1
    while true {
      let duration = try ContinuousClock().measure {
        var last: Tensor?
        for _ in 0..<repeats { last = try run() }
        try last?.wait()
      }
      let seconds = duration / .seconds(1)
      if seconds >= leastDuration { return seconds / Double(repeats) }
      repeats = max(2 * repeats, Int(Double(repeats) * leastDuration / max(seconds, 1e-6)))
    }
  }
}

extension Case {
  /// The function to time.
  func prepared() throws -> () throws -> Tensor {
    let key = RandomKey(seed: 0)
    switch self {
    case .matmul(let m, let k, let n, let isLeftTransposed, let isRightTransposed):
      let a = Tensor.normal(isLeftTransposed ? [k, m] : [m, k], key: key["a"])
      let b = Tensor.normal(isRightTransposed ? [n, k] : [k, n], key: key["b"])
      let left = isLeftTransposed ? a.transposed() : a
      let right = isRightTransposed ? b.transposed() : b
      return { left.matmul(right) }

    case .train(let widths, let hasBatchNorm, let batch):
      var layers: [any Layer] = []
      for (index, width) in widths.dropFirst().enumerated() {
        layers.append(Linear(width))
        guard index < widths.count - 2 else { break }
        if hasBatchNorm { layers.append(BatchNorm()) }
        layers.append(ReLU())
      }
      let model = try Sequential(input: [widths[0]], seed: 0) { layers }
      let examples = Examples(
        inputs: .normal([batch, widths[0]], key: key["inputs"]),
        targets: Tensor(
          (0..<batch).map { Int32(key.block(UInt64($0)).x % UInt32(widths[widths.count - 1])) },
          shape: [batch]))
      let step = TrainingStep<Examples>(model, Adam(model, learningRate: 1e-3)) { batch in
        crossEntropy(model(batch.inputs), batch.targets)
      }
      return { try step(examples) }

    case .batchNorm(let shape):
      let channels = shape[1]
      let model = try Sequential(input: Shape(Array(shape.dropFirst())), seed: 0) {
        BatchNorm(channels)
      }
      let x = Tensor.normal(Shape(shape), key: key["x"])
      let cotangent = Tensor.normal(Shape(shape), key: key["cotangent"])
      return {
        let parameters = model.parameters.values.map(\.value)
        let (_, pullback) = valueWithPullback(at: [x] + parameters) { arguments in
          model.substituting(Array(arguments.dropFirst())) { model(arguments[0]) }
        }
        return pullback(cotangent)[0]
      }
    }
  }
}
