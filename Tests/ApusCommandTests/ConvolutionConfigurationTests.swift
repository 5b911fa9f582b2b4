import Testing

/// Convolutions and pooling in configurations.
@Suite("Configurations of convolutions")
struct ConvolutionConfigurationTests {
  @Test func everySettingIsUnderstood() throws {
    let folder = try Sample.folder(
      Sample.configuration(
        model: """

            - linear: 96
            - reshape: [2, 6, 8]
            - conv2d: {channels: 4, kernel: [3, 5], stride: [2, 1], padding: same, groups: 2, bias: false}
            - relu
            - conv2d: {channels: 4, padding: {top: 1, bottom: 1, right: 2}}
            - conv2d: {channels: 6, dilation: 2, padding: [2, 1], initializer: heNormal}
            - maxPool2d: 2
            - convTranspose2d: {channels: 2, kernel: 2, stride: 2, padding: 1, outputPadding: 1}
            - averagePool2d: {window: [1, 2], stride: 1, countPadding: false}
            - minPool2d: {window: 3, stride: 1, padding: 1}
            - reshape: [2, 4]
            - conv1d: {channels: 3, padding: 1}
            - maxPool1d: {window: 2, stride: 1, padding: 1}
            - averagePool1d: {window: 2, stride: 1}
            - minPool1d: 1
            - globalAveragePool
            - linear: 2
          """))
    let outcome = try Apus().run("model", "c.yaml", in: folder)
    #expect(outcome.errors == "")
    for line in [
      "Conv2D(2, 4, 3×5, stride 2×1, padding same, groups 2, no bias)  [4, 3, 8]",
      "Conv2D(4, 4, 3×3, padding top 1, bottom 1, left 0, right 2)  [4, 3, 8]",
      "Conv2D(4, 6, 3×3, padding top 2, bottom 2, left 1, right 1, dilation 2)  [6, 3, 6]",
      "MaxPool2D(2)  [6, 1, 3]",
      "ConvTranspose2D(6, 2, 2×2, stride 2, padding 1, output padding 1×1)  [2, 1, 5]",
      "AveragePool2D(1×2, stride 1)  [2, 1, 4]", "MinPool2D(3, stride 1, padding 1)  [2, 1, 4]",
    ] {
      let words = line.split(separator: "  ")
      #expect(
        outcome.output.split(separator: "\n").contains {
          $0.contains(words[0]) && $0.contains(words[1])
        }, "\(line) in\n\(outcome.output)")
    }
  }

  @Test(arguments: [
    ("conv2d", ".conv2d.channels: the key is missing; expected a whole number from 1 to 1000000"),
    (
      "conv2d: {channels: 4, kernel: 0}",
      ".conv2d.kernel: there is '0'; expected a whole number of at least 1, or [height, width]"
    ),
    (
      "conv2d: {channels: 4, stride: [1, 2, 3]}",
      ".conv2d.stride: there is a list; expected a whole number of at least 1, or [height, width]"
    ),
    (
      "conv2d: {channels: 4, padding: full}",
      ".conv2d.padding: there is 'full'; expected valid, same, a whole number of at least 0, or [height, width], or the edges by name, such as {top: 1, right: 2}"
    ),
    (
      "conv1d: {channels: 4, padding: {top: 1}}",
      ".conv1d.padding.top: there is no such key; expected left, right"
    ),
    (
      "maxPool1d: {window: 2, padding: 2}",
      ".maxPool1d.padding: there is 2 for a window of 2; expected at most half the window"
    ),
    ("conv2d: {channels: 4, groups: 3}", ".conv2d.groups: 4 channels do not divide into 3 groups"),
    (
      "maxPool2d: {window: 2, padding: 2}",
      ".maxPool2d.padding: there is 2×2 for a window of 2×2; expected at most half the window"
    ),
    (
      "conv2d: 4",
      ".conv2d: Conv2D needs an input [channels, height, width] for each example, not [2]"
    ),
    (
      "maxPool2d: 2",
      ".maxPool2d: MaxPool2D needs an input [channels, height, width] for each example, not [2]"
    ),
  ])
  func aMistakeIsNamedWithItsPlaceAndWhatWasExpected(layer: String, message: String) throws {
    let folder = try Sample.folder(Sample.configuration(model: "[{\(layer)}, linear: 2]"))
    let outcome = try Apus().run("model", "c.yaml", in: folder)
    #expect(outcome.status == 65)
    #expect(outcome.errors.hasSuffix(": model[0]\(message)\n"), "\(outcome.errors)")
  }

  @Test(arguments: [
    (
      "reshape: [1, 1, 2]}, {convTranspose2d: {channels: 1, stride: 65536, kernel: 65536, dilation: 65536}",
      "model[1].convTranspose2d: its output of shape [1, 4294901761, 4294967297] is more than memory can have"
    ),
    (
      "linear: 1000000}, {reshape: [1000000, 1, 1]}, {conv2d: {channels: 1000000, kernel: 65536, padding: 65536}",
      "model[2].conv2d: its output of shape [1000000, 65538, 65538] is more than memory can have"
    ),
  ])
  func whatNoMemoryCanHaveIsRefused(layers: String, message: String) throws {
    let folder = try Sample.folder(Sample.configuration(model: "[{\(layers)}, flatten, linear: 2]"))
    let outcome = try Apus().run("model", "c.yaml", in: folder)
    #expect(outcome.status == 65)
    #expect(outcome.errors == "error: c.yaml:2: \(message)\n")
  }

  /// A convolutional network on the repository's digits.
  @Test func aNetworkLearnsDigits() throws {
    let data = Repository.path("Examples/Data/digits.csv")
    let folder = try Folder([
      "c.yaml": """
      data: {file: \(data), label: label}
      model:
        - reshape: [1, 8, 8]
        - conv2d: {channels: 8, padding: same}
        - relu
        - maxPool2d: 2
        - conv2d: {channels: 16, padding: same}
        - relu
        - globalAveragePool
        - linear: 10
      optimizer: {adam: {learningRate: 0.01}}
      train: {batchSize: 64, epochs: 8}

      """
    ])
    let outcome = try Apus().run("train", "c.yaml", "--output", "run", in: folder)
    #expect(outcome.errors == "")
    #expect(outcome.status == 0)
    let accuracy = try #require(outcome.output.firstMatch(of: /held-out accuracy (\d+\.\d)%/))
    #expect(try #require(Double(accuracy.output.1)) > 80, "\(outcome.output)")
  }
}
