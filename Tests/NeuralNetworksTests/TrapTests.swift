import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

import class Foundation.ProcessInfo
import func Foundation.setenv

/// A programmer's error stops the program, and says what was wrong with which part.
@Suite(.serialized) struct TrapTests {
  /// A mistake, and what the message must say of it.
  enum Mistake: String, CaseIterable, Sendable {
    case valueBeforeInitializing, stateBeforeInitializing, gradientBeforeInitializing
    case optimizerBeforeInitializing, savingBeforeInitializing, assigningBeforeInitializing
    case unbuiltLayer, unbuiltNorm, integerParameters
    case assignedShape, assignedStateShape, substitutedShape
    case foreignGradient, gradientsOfAnother, gradientsFromBefore
    case lossShape, updateLossShape, nesterovWithoutMomentum, groupWithoutParameters
    case negativePenalty
    case normInput, normBatchOfOne, normBatchOfOneInModel, layerNormInput, dropoutProbability,
      flattenScalar
    case examplesCount, gradientOfGradient

    var message: String {
      switch self {
      case .valueBeforeInitializing:
        "a parameter has no values yet; call initialize(seed:) on the whole model"
      case .stateBeforeInitializing:
        "a running state has no values yet; call initialize(seed:) on the whole model"
      case .gradientBeforeInitializing:
        "valueWithGradient: the module has no values yet; call initialize(seed:) on it first"
      case .optimizerBeforeInitializing:
        "Adam: the module has no values yet; call initialize(seed:) on it first"
      case .savingBeforeInitializing:
        "savedState: the module has no values yet; call initialize(seed:) on it first"
      case .assigningBeforeInitializing:
        "a parameter has no values yet; call initialize(seed:) on the whole model"
      case .unbuiltLayer:
        "initialize: parameter '1.weight' has no shape; build its layer, or give its input's size"
      case .unbuiltNorm:
        "initialize: parameter 'weight' has no shape; build its layer, or give its input's size"
      case .integerParameters: "initialize: parameters are float32 or float64, not int32"
      case .assignedShape: "parameter 'weight' has shape [2, 3], not [3]"
      case .assignedStateShape: "a running state has shape [3], not [2]"
      case .substitutedShape: "substituting: parameter 'weight' has shape [2, 3], not [2]"
      case .foreignGradient:
        "gradients: parameter 'weight' does not belong to the module differentiated"
      case .gradientsOfAnother:
        "SGD: the gradients are those of another module, or from before it was initialised anew"
      case .gradientsFromBefore:
        "SGD: the gradients are those of another module, or from before it was initialised anew"
      case .lossShape: "TrainingStep: the loss has shape [4, 2]; it must be a scalar"
      case .updateLossShape: "SGD: the loss has shape [4, 2]; it must be a scalar"
      case .nesterovWithoutMomentum: "SGD: Nesterov's form needs a momentum above 0"
      case .groupWithoutParameters:
        "SGD: no parameter is in the group '*.bais'; there are weight, bias"
      case .negativePenalty: "Regularization: l1 -1.0 and l2 0.0 must be at least 0"
      case .normInput: "BatchNorm(3): the input has shape [4, 2], not [n, c] or [n, c, …]"
      case .normBatchOfOne:
        "BatchNorm(3): in training a batch of one has no variance (input of shape [1, 3]); use larger batches"
      case .normBatchOfOneInModel:
        """
        BatchNorm(3) at '1.0': in training a batch of one has no variance (input of shape [1, 3]); \
        use larger batches, or GroupNorm or LayerNorm
        """
      case .layerNormInput: "LayerNorm(2): the input has shape [4, 3], not [n, …, 2]"
      case .dropoutProbability: "Dropout: probability 1.0 is not in 0..<1"
      case .flattenScalar: "Flatten: a scalar has no batch axis"
      case .examplesCount:
        "Examples: inputs of shape [4, 3] and targets of shape [3] differ in number"
      case .gradientOfGradient:
        "valueWithGradient: an argument is being differentiated already; gradients are first order"
      }
    }

    func make() throws {
      let x = Tensor.ones([4, 3], on: .reference)
      let fresh = Linear(3, 2)
      let layer = Linear(3, 2)
      layer.initialize(seed: 1, on: .reference)
      let other = Linear(3, 2)
      other.initialize(seed: 1, on: .reference)
      let norm = BatchNorm(3)
      norm.initialize(seed: 1, on: .reference)
      func gradients() -> (Tensor, Gradients) {
        valueWithGradient(of: layer) { layer(x) }
      }
      switch self {
      case .valueBeforeInitializing: _ = fresh(x)
      case .stateBeforeInitializing: _ = BatchNorm(3).runningMean
      case .gradientBeforeInitializing: _ = valueWithGradient(of: fresh) { x.sum() }
      case .optimizerBeforeInitializing: _ = Adam(fresh)
      case .savingBeforeInitializing: _ = try fresh.savedState()
      case .assigningBeforeInitializing: fresh.$weight.assign(x)
      case .unbuiltLayer: Sequential([ReLU(), Linear(2)]).initialize(seed: 1, on: .reference)
      case .unbuiltNorm: BatchNorm().initialize(seed: 1, on: .reference)
      case .integerParameters: fresh.initialize(seed: 1, on: .reference, dtype: .int32)
      case .assignedShape: layer.$weight.assign(x[0])
      case .assignedStateShape: norm.$runningMean.assign(x[0, 0..<2])
      case .substitutedShape: layer.substituting([x[0, 0..<2], x[0, 0..<2]]) {}
      case .foreignGradient: _ = gradients().1[other.$weight]
      case .gradientsOfAnother: SGD(other, learningRate: 1).update(gradients().1)
      case .gradientsFromBefore:
        let before = gradients().1
        layer.initialize(seed: 1, on: .reference)
        SGD(layer, learningRate: 1).update(before)
      case .lossShape:
        try TrainingStep<Tensor>(layer, SGD(layer, learningRate: 1)) { layer($0) }(x)
      case .updateLossShape:
        let (loss, gradients) = gradients()
        SGD(layer, learningRate: 1).update(gradients, loss: loss)
      case .nesterovWithoutMomentum: _ = SGD(layer, learningRate: 1, isNesterov: true)
      case .groupWithoutParameters:
        _ = SGD(layer, learningRate: 1, groups: [ParameterGroup("*.bais", weightDecay: 0)])
      case .negativePenalty: _ = Regularization(l1: -1)
      case .normInput: _ = norm(x[.all, 0..<2])
      case .normBatchOfOne: _ = norm(x[0..<1])
      case .normBatchOfOneInModel:
        let model = Sequential([ReLU(), Sequential([BatchNorm(3)])])
        model.initialize(seed: 1, on: .reference)
        _ = model(x[0..<1])
      case .layerNormInput:
        let norm = LayerNorm([2])
        norm.initialize(seed: 1, on: .reference)
        _ = norm(x)
      case .dropoutProbability: _ = Dropout(1)
      case .flattenScalar: _ = Flatten()(x.sum())
      case .examplesCount: _ = Examples(inputs: x, targets: x[0])
      case .gradientOfGradient:
        _ = valueWithGradient(of: layer) { valueWithGradient(of: layer) { layer(x).sum() }.value }
      }
    }
  }

  @Test("A mistake stops the program with a message", arguments: Mistake.allCases)
  func mistakes(_ mistake: Mistake) async {
    // The child process has a copy of this one's environment.
    setenv("APUS_TEST_MISTAKE", mistake.rawValue, 1)
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      try Mistake(rawValue: ProcessInfo.processInfo.environment["APUS_TEST_MISTAKE"] ?? "")?.make()
    }
    expectMessage(result, mistake.message)
  }
}
