import ArgumentParser
import Benchmarking
import Compute
import Tensors

/// `apus tune`: how a device divides its work best.
struct TuneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "tune",
    abstract: "Find how this machine's device divides its work best.",
    discussion: """
      Nothing is tuned unasked: without an entry of this command a device is used as its properties \
      suggest. Candidates are tried one by one; one whose results are off is rejected before its \
      speed is looked at. What is found is kept in $XDG_CACHE_HOME/apus/tuning (else ~/.cache), for \
      this device and driver, and used by every run from then on, which says so. Results change \
      with it by rounding, as with another device.
      """)

  @Option(help: ArgumentHelp("How long to try candidates.", valueName: "seconds"))
  var budget = 120.0

  @Option(
    help: ArgumentHelp(
      "Tune only this parameter; may be given several times.", valueName: "parameter"))
  var only: [String] = []

  @Flag(help: "Forget what was kept for the device, and try nothing.")
  var reset = false

  @OptionGroup var device: DeviceOption
  @OptionGroup var format: FormatOption

  func validate() throws {
    guard budget > 0, budget <= 86_400 else {
      throw ValidationError(
        "--budget: there is \(budget); expected a number of seconds above 0, at most 86400")
    }
  }

  private struct Report: Encodable {
    let device: String
    let entry: TuningEntry?
    let trials: [Tuner.Trial]
    let ranOut: Bool
  }

  func run() throws {
    let device = try device.open(DeviceOptions(tuning: [:]))
    let parameters = device.tunableParameters
    guard !parameters.isEmpty else {
      throw UsageError("--device: the reference has nothing to tune; expected an OpenCL device")
    }
    if reset {
      try device.keepTuning([:])
      return try Console.print("\(device) is used as its properties suggest")
    }
    for name in only where !parameters.contains(where: { $0.name == name }) {
      let names = parameters.map(\.name)
      throw UsageError(
        "--only: there is no '\(name)'\(suggestion(for: name, among: names)); expected "
          + names.joined(separator: ", "))
    }
    if !format.isJSON { try Console.print("\(device)") }

    let bar = format.isJSON ? nil : ProgressBar()
    let outcome = try Tuner(device: device.identifier, budget: .seconds(budget)).run(
      only: only.isEmpty ? nil : only
    ) { bar?.draw($0.share, label: $0.candidate) }
    bar?.clear()
    let entry = outcome.values.isEmpty ? nil : try device.keepTuning(outcome.values)
    guard !format.isJSON else {
      return try Console.print(
        JSON.text(
          Report(
            device: device.identifier, entry: entry, trials: outcome.trials,
            ranOut: outcome.ranOut)))
    }
    try Console.print("\(table(of: outcome.trials, parameters))\n")
    if outcome.ranOut { try Console.print("the budget ended before all candidates were tried") }
    try Console.print(
      entry.map { "kept as entry \($0.identifier): \(Self.text($0.values))" }
        ?? "nothing was faster than what is usual, so nothing is kept")
  }

  private func table(of trials: [Tuner.Trial], _ parameters: [TunableParameter]) -> TextTable {
    var table = TextTable(
      .left("parameter"), .right("usual"), .right("tried"), .right("time"), .left(""))
    for trial in trials {
      let usual = parameters.first { $0.name == trial.parameter }.map { "\($0.value)" } ?? ""
      let (time, remark): (String, String) =
        switch trial.verdict {
        case .measured(let ratio): (percentage(ratio), trial.isBest ? "taken" : "")
        case .wrong(let error):
          ("", "rejected: the error is \(fixed(error, digits: 1)) times the bound")
        case .failed(let reason): ("", "rejected: \(reason)")
        }
      table.append(trial.parameter, usual, "\(trial.value)", time, remark)
    }
    return table
  }

  /// The values in one line.
  static func text(_ values: [String: Int]) -> String {
    values.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")
  }
}
