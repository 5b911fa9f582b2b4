import Compute
import NeuralNetworks
import Tensors

/// The section `train`: how long, in which order, from where.
struct TrainingConfiguration {
  /// The seed of the initial weights, of dropout and of the order of the rows.
  let seed: UInt64
  private(set) var plan: TrainingPlan
  let dtype: DType
  /// The weights to start from, or nil to draw them.
  let initialWeights: InitialWeights?

  private let dtypePlace: Place
  private let batchSizePlace: Place

  /// The most epochs there may be.
  static let epochRange = 0...1_000_000

  init(
    _ section: ConfigurationSection, folder: String, overrides: Configuration.Overrides
  ) throws {
    let batchSize = try section.value("batchSize", .wholeNumber(1...1_000_000), default: 32)
    let epochs = try section.value(
      "epochs", .wholeNumber(Self.epochRange), default: 20, override: overrides.epochs)
    seed = try section.value("seed", .seed, default: 0, override: overrides.seed)
    let shuffles = try section.value("shuffle", .flag, default: true)
    let dtypes = [DType.float32, .float64].map { (name: $0.rawValue, value: $0) }
    dtype = try section.value("dtype", .oneOf(dtypes, name: \.rawValue), default: .float32)
    initialWeights = try InitialWeights(
      section, key: "initialWeights", folder: folder, override: overrides.weights)
    plan = TrainingPlan(epochs: epochs, batchSize: batchSize, shuffles: shuffles, seed: seed)
    dtypePlace = section.place(of: "dtype")
    batchSizePlace = section.place(of: "batchSize")
  }

  /// The same with a schedule of the learning rate.
  func following(_ schedule: Schedule) -> TrainingConfiguration {
    var training = self
    training.plan.schedule = schedule
    return training
  }

  /// Checks that a device computes with the numbers that are asked for.
  func checkDType(on device: Device) throws(ConfigurationError) {
    guard device.supports(dtype) else {
      throw ConfigurationError(
        dtypePlace,
        "\(device) does not compute in \(dtype); expected float32, or another device, as cpu")
    }
  }

  /// Checks that no batch is a row alone, which a layer of the model cannot take.
  func checkBatches(of rowCount: Int, for layer: LayerConfiguration) throws(ConfigurationError) {
    guard plan.batches(of: rowCount).contains(where: { $0.count == 1 }) else { return }
    let need = "\(layer.place.key) needs batches of 2 rows or more"
    throw ConfigurationError(
      batchSizePlace,
      rowCount == 1
        ? "\(need), but there is 1 row to train on"
        : "\(need); expected a whole number from 2, or groupNorm or layerNorm in its place")
  }
}
