import Benchmarking
import Compute
import Foundation
import Lab
import Tensors

/// What `apus bench --growth` measures and shows.
struct CostGrowthReport {
  private let device: Device
  private let isJSON: Bool
  private let ceilings: DeviceCeilings?
  private let series: [CostGrowth]

  /// Measures the growth of every quantity on a device.
  init(_ benchmark: Benchmark, device: Device, isJSON: Bool) throws {
    self.device = device
    self.isJSON = isJSON
    ceilings = try device.measureCeilings()
    let count = CostGrowth.Quantity.allCases.reduce(0) { $0 + $1.sizes.count }
    let bar = isJSON ? nil : ProgressBar()
    var done = 0
    series = try CostGrowth.Quantity.allCases.map { quantity in
      try benchmark.measureGrowth(of: quantity) { step in
        bar?.draw(Double(done) / Double(count), label: "\(step)")
        done += 1
      }
    }
    bar?.clear()
  }

  /// Prints the report, and draws it into a folder, if there is one.
  func write(chartTo folder: String?) throws {
    try Console.print(
      isJSON
        ? JSON.text(Report(device: device.identifier, ceilings: ceilings, growth: series))
        : "\(device)\n\n\(table)")
    guard let folder else { return }
    do {
      let files = try figure.write(to: URL(filePath: folder), name: "growth")
      Console.report("wrote \((files.image ?? files.data).path)")
      if files.image == nil { Console.report("warning: \(Gnuplot.advice)") }
    } catch let error as GnuplotError {
      throw error
    } catch {
      throw OutputError(folder, error)
    }
  }

  private struct Report: Encodable {
    let device: String
    let ceilings: DeviceCeilings?
    let growth: [CostGrowth]
  }

  private var table: TextTable {
    var table = TextTable(
      .left("step"), .right("time"), .right("times the one before"), .right("its work"),
      .right("rate"), .left(""))
    for growth in series {
      for (index, step) in growth.steps.enumerated() {
        let work = index == 0 ? nil : step.operations / growth.steps[index - 1].operations
        table.append(
          "\(growth.quantity) \(step.size)", timeText(step.seconds),
          growth.growth[index].map { fixed($0, digits: 2) } ?? "",
          work.map { fixed($0, digits: 2) } ?? "",
          "\(giga(step.operations / step.seconds)) GFLOP/s",
          growth.isFull[index] ? "" : "has room")
      }
    }
    return table
  }

  /// The time against the work of each step: a device that is full goes along a line.
  private var figure: Figure {
    var figure = Figure(
      "How the time of a training step grows", subtitle: "\(device)",
      xLabel: "floating-point operations of the matrix products of a step",
      yLabel: "time of a step, s")
    figure.isLogarithmic = true
    figure.curves = series.map { growth in
      Figure.Curve(
        growth.quantity.rawValue, growth.steps.map { ($0.operations, $0.seconds) }, isMarked: true)
    }
    let operations = series.flatMap { $0.steps.map(\.operations) }
    if let ceilings, let least = operations.min(), let most = operations.max() {
      figure.curves.append(
        Figure.Curve(
          "as fast as multiply-adds can be",
          [least, most].map { ($0, $0 / ceilings.operationsPerSecond) }, isDashed: true))
    }
    return figure
  }
}
