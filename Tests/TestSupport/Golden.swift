public import Compute
public import Foundation
public import NeuralNetworks
public import Tensors

/// A file of values that PyTorch computed in Float64; `Tests/Fixtures/README.md` says how.
public struct Golden: Sendable {
  /// The arrays of the file.
  public let arrays: Safetensors
  private let name: String

  /// Activations on a grid and random numbers.
  public static let activations = Golden("activations")
  /// Matrix products and fully connected layers.
  public static let linear = Golden("linear")
  /// Losses with their gradients.
  public static let losses = Golden("losses")
  /// Training runs.
  public static let models = Golden("models")
  /// Normalisations.
  public static let normalization = Golden("normalization")
  /// Trajectories of optimisers.
  public static let optimizers = Golden("optimizers")
  /// Recurrent layers; `recurrence.py` beside it makes it.
  public static let recurrence = Golden("recurrence")
  /// Further losses and optimisers, and schedules; `training.py` beside it says what is in it.
  public static let training = Golden("training")

  /// The folder of the files, beside this one in the source tree.
  public static let folder = URL(filePath: #filePath).deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fixtures")

  private init(_ name: String) {
    self.name = name
    do {
      arrays = try Safetensors(
        contentsOf: Golden.folder.appending(path: "\(name).safetensors"))
    } catch {
      fatalError("the fixture \(name): \(error)")
    }
  }

  /// The tensors of one case.
  public subscript(name: String) -> GoldenCase { GoldenCase(file: self, name: name) }

  /// The array of a full name; stops the tests when there is none.
  func array(_ path: String) -> Safetensors.NamedArray {
    guard let array = arrays[path] else { fatalError("the fixture \(name) has no '\(path)'") }
    return array
  }

  /// The array as a tensor, floating-point numbers rounded to the setting's dtype.
  public func tensor(_ path: String, _ setting: Setting) -> Tensor {
    let array = array(path)
    return array.bytes.withUnsafeBytes {
      Tensor.converting(
        $0, from: array.dtype, shape: array.shape,
        to: array.dtype.isFloatingPoint ? setting.dtype : array.dtype, on: setting.device)
    }
  }

  /// The numbers of a float64 array.
  public func values(_ path: String) -> [Double] {
    let array = array(path)
    precondition(array.dtype == .float64, "\(path) is \(array.dtype)")
    return array.bytes.withUnsafeBytes { Array($0.bindMemory(to: Double.self)) }
  }
}

/// One case of a file: tensors named `<case>/<tensor>`.
public struct GoldenCase: Sendable {
  let file: Golden
  /// The case's name.
  public let name: String

  /// A tensor of the case, floating-point numbers rounded to the setting's dtype.
  public func tensor(_ tensor: String, _ setting: Setting) -> Tensor {
    file.tensor("\(name)/\(tensor)", setting)
  }

  /// The numbers of a float64 tensor of the case.
  public func values(_ tensor: String) -> [Double] { file.values("\(name)/\(tensor)") }

  /// The shape of a tensor of the case.
  public func shape(_ tensor: String) -> Shape { file.array("\(name)/\(tensor)").shape }

  /// The tensors whose names begin with a folder, without it: the saved state of a model.
  public func state(_ folder: String) -> Safetensors {
    let prefix = "\(name)/\(folder)/"
    return Safetensors(
      file.arrays.arrays.filter { $0.name.hasPrefix(prefix) }.map {
        .init(
          name: String($0.name.dropFirst(prefix.count)), dtype: $0.dtype, shape: $0.shape,
          bytes: $0.bytes)
      })
  }
}
