import Compute
public import NeuralNetworks
import OrderedCollections
public import Tensors

/// Checks the gradients of a module with respect to its inputs and its parameters.
///
///     let model = try Sequential(input: [4], seed: 7, dtype: .float64) { Linear(8); BatchNorm(); ReLU() }
///     print(checkGradients(of: model, at: [x]) { model($0[0]) })
///
/// The module is checked in the mode it is in; set ``NeuralNetworks/Module/mode`` to check the
/// other. Running statistics stay as they are. What is compared, and how closely, is said at
/// ``checkGradients(at:name:mode:seed:of:)-([Tensor],_,_,_,_)``.
///
/// - Parameters:
///   - module: The module, initialised with `dtype: .float64`; traps otherwise.
///   - inputs: Where to check, float64 tensors; traps on another dtype.
///   - name: What is checked, for the report; the module's summary unless given.
///   - mode: Every entry, or random directions.
///   - seed: Of the weights and directions.
///   - function: A function of the inputs that uses the module.
/// - Returns: The report; parameters are named by their paths.
public func checkGradients(
  of module: Module, at inputs: [Tensor], name: String? = nil,
  mode: GradientCheckMode = .automatic(), seed: UInt64 = 0, _ function: ([Tensor]) -> Tensor
) -> CheckReport {
  let parameters = module.parameters
  let values = parameters.values.map(\.value)
  let names =
    inputs.indices.map { "input \($0)" } + parameters.keys.map { "parameter '\($0)'" }
  return checkGradients(
    at: inputs + values, names: names, subject: name ?? module.summary, mode: mode, seed: seed
  ) { arguments in
    module.substituting(Array(arguments[inputs.count...])) {
      function(Array(arguments[..<inputs.count]))
    }
  }
}

/// Checks the gradients of a layer with respect to its input and its parameters; see
/// ``checkGradients(of:at:name:mode:seed:_:)``.
public func checkGradients(
  of layer: any Layer, at input: Tensor, name: String? = nil,
  mode: GradientCheckMode = .automatic(), seed: UInt64 = 0
) -> CheckReport {
  checkGradients(of: layer, at: [input], name: name, mode: mode, seed: seed) { layer($0[0]) }
}
