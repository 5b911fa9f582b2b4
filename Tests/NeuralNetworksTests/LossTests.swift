import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

/// What training is given as a loss: values of outputs and targets, and predicted labels.
@Suite struct LossTests {
  @Test("Each loss has a name of its own and predicts labels from what it was trained on")
  func predictions() throws {
    #expect(Set(Loss.all.map(\.name)).count == Loss.all.count)
    let device = Device.reference
    let scores = Tensor([[1, 3, 2], [0, -1, -2]], on: device)
    let logits = Tensor([[2], [-1]], on: device)
    for loss in Loss.all {
      let labels = try #require(loss.labels)
      #expect(
        try labels(loss.output == .logit ? logits : scores).array(of: Int.self) == [1, 0],
        "\(loss.name)")
    }
    #expect(Loss("mine") { output, _ in output.mean() }.labels == nil)
  }

  @Test("Labels stand for rows with a one where a loss compares rows", arguments: Setting.all)
  func labelsAsRows(setting: Setting) throws {
    let output = setting.tensor([[1, 3, 2], [0, -1, 4]])
    let labels = Tensor([1, 0], dtype: .uint8, on: setting.device)
    let rows = labels.oneHot(classes: 3, dtype: setting.dtype)
    for loss in Loss.all where loss.output != .logit && loss.name != Loss.hinge.name {
      let value = try loss.value(output, rows).item(of: Double.self)
      // Cross-entropy of labels is a kernel of its own.
      expectClose(
        try loss.value(output, labels).item(of: Double.self), value,
        .norm(8 * setting.epsilon), loss.name)
    }
    // One class alone lacks something of a margin of 1, and all of a larger one.
    try expectClose(Loss.hinge.value(output, labels), [(0 + 0 + 0 + 5) / 6], .ulps(4))
    try expectClose(
      Loss.hinge(margin: 2.5, classWeights: [2, 1, 1]).value(output, labels),
      [((0.5 + 1.5) + 2 * (1.5 + 6.5)) / 6], .ulps(4))
  }

  @Test("Weights of classes divide the sum of the losses", arguments: Setting.all)
  func classWeights(setting: Setting) throws {
    let output = setting.tensor([[1, 3], [0, -1], [2, 2]])
    let labels = Tensor([1, 0, 1], dtype: .int32, on: setting.device)
    let each = try crossEntropyPerExample(output, labels).array(of: Double.self)
    try expectClose(
      Loss.crossEntropy(classWeights: [3, 0.5]).value(output, labels),
      [(0.5 * each[0] + 3 * each[1] + 0.5 * each[2]) / 4], .ulps(16))
    #expect(Loss.balancedClassWeights(labels: [1, 0, 1, 1], classCount: 2) == [2, 2.0 / 3])
    // As many of each count alike; a class that is not there does not divide by zero.
    #expect(Loss.balancedClassWeights(labels: [0, 1], classCount: 2) == [1, 1])
    #expect(Loss.balancedClassWeights(labels: [0, 0], classCount: 2) == [0.5, 1])
  }
}
