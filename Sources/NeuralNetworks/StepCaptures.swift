import Compute
import Logging
import Tensors

/// The recorded forms of a training step, one for each kind of batch.
///
/// A step is recorded on the first two calls of its kind. If both launched the same, later calls
/// launch that again, without running the step's Swift code; if not, calls of the kind go on
/// running it, and one line of the log says why.
final class StepCaptures {
  /// What makes batches alike, so that one recording serves them all.
  private struct Kind: Hashable {
    let inputs: [Input]
    let modes: [Module.Mode]

    struct Input: Hashable {
      let shape: Shape
      let dtype: DType
    }
  }

  private enum Form {
    case recorded(Recording)
    case captured(Replay)
    case eager(reason: String)
  }

  /// How many kinds are kept: full and last short batches, in training and evaluation, twice.
  private static let limit = 8

  private let device: Device
  private var forms: [Kind: Form] = [:]

  init(on device: Device) { self.device = device }

  /// Why some kind of call is not captured, if one is not.
  var obstacle: String? {
    for case .eager(let reason) in forms.values { return reason }
    return nil
  }

  /// The kinds of calls that are launched from a recording.
  var capturedCount: Int { forms.values.count { if case .captured = $0 { true } else { false } } }

  /// The bytes that are held for what lives only within a captured step.
  var byteCount: Int {
    forms.values.reduce(0) {
      if case .captured(let replay) = $1 { $0 + replay.byteCount } else { $0 }
    }
  }

  /// Does a step: from a recording where there is one, else by running `body`.
  ///
  /// Returns why it was not done, or nil.
  func perform(
    inputs: [Tensor], modes: [Module.Mode], _ body: () -> (any Error)?
  ) -> (any Error)? {
    let kind = Kind(inputs: inputs.map { .init(shape: $0.shape, dtype: $0.dtype) }, modes: modes)
    if case .captured(let replay) = forms[kind] {
      if let failure = inputs.lazy.compactMap(\.failure).first { return failure }
      return replay.launch(inputs)
    }
    var isNoting = true
    if case .eager = forms[kind] { isNoting = false }
    if forms[kind] == nil && forms.count >= Self.limit { isNoting = false }
    var failure: (any Error)?
    let recording = Recorder.record(on: device, inputs: inputs, isNoting: isNoting) {
      failure = body()
    }
    if let recording, failure == nil { settle(kind, recording) }
    return failure
  }

  private func settle(_ kind: Kind, _ recording: Recording) {
    guard case .recorded(let first) = forms[kind] else {
      forms[kind] = .recorded(recording)
      return
    }
    if let obstacle = recording.obstacle(comparedWith: first) {
      giveUp(kind, obstacle)
    } else {
      do {
        forms[kind] = .captured(try recording.makeReplay())
      } catch {
        giveUp(kind, "\(error)")
      }
    }
  }

  private func giveUp(_ kind: Kind, _ reason: String) {
    forms[kind] = .eager(reason: reason)
    Logger(label: "apus").notice("a training step is not captured: \(reason)")
  }
}
