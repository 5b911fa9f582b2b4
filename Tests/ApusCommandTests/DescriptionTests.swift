import Compute
import Foundation
import Tensors
import Testing

@Suite("apus devices, apus model and the command line")
struct DescriptionTests {
  // MARK: - Devices

  @Test func listsDevicesAndTheOneThatIsUsed() throws {
    let outcome = try Apus(device: "cpu").run("devices", in: Folder())
    #expect(outcome.status == 0)
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.count == 1 + Device.available.count)
    #expect(lines.filter { $0.hasPrefix("*") }.count == 1)
    #expect(try #require(lines.last).hasPrefix("*  cpu "))
  }

  @Test func listsDevicesForPrograms() throws {
    struct Listing: Decodable {
      let `default`: String
      let devices: [DeviceDescription]
    }
    let outcome = try Apus().run("devices", "--json", in: Folder())
    let listing = try JSONDecoder().decode(Listing.self, from: Data(outcome.output.utf8))
    #expect(listing.default == "cpu")
    #expect(listing.devices.map(\.identifier) == Device.available.map(\.identifier))
  }

  @Test func listsDevicesWhenTheEnvironmentNamesNone() throws {
    let outcome = try Apus(device: "opencl:99").run("devices", in: Folder())
    #expect(outcome.status == 0)
    #expect(outcome.errors.hasPrefix("warning: APUS_DEVICE: there is no device 'opencl:99'; "))
    #expect(outcome.output.contains("\n  cpu "))
  }

  @Test(
    "What bench cannot do is said before anything is measured",
    arguments: [
      ("--growth --only train", "--growth: it has cases of its own; leave out"),
      ("--growth --profile", "--growth: it has cases of its own; leave out"),
      ("--output figures", "--output: only the growth is drawn; add --growth"),
      ("--only nothing", "--only: no case contains 'nothing'; there are adam, "),
      ("--rounds 0", "--rounds: there is 0; expected a whole number from 1 to 1000"),
    ])
  func refusedBenches(arguments: String, reason: String) throws {
    let outcome = try Apus(device: "cpu").shell("apus bench \(arguments)", in: Folder())
    #expect(outcome.status != 0)
    #expect(outcome.output.isEmpty)
    #expect(outcome.errors.hasPrefix("error: \(reason)"))
  }

  // MARK: - Models

  @Test func describesAModel() throws {
    let folder = try Sample.folder(
      Sample.configuration(
        model: "[linear: 1000, batchNorm, relu, {linear: {units: 2, bias: false}}]",
        "train: {batchSize: 8, dtype: float64}"))
    let outcome = try Apus().run("model", "c.yaml", in: folder)
    #expect(outcome.status == 0)
    // 2000 + 1000, 2 · 1000, 1000 · 2 numbers of 8 bytes; statistics of 2 · 1000 numbers and a
    // count; Adam keeps two numbers for each; 8 · (2 + 3 · 1000 + 2) outputs.
    #expect(
      outcome.output == """
           layer                     output  parameters
           input                     [2]
        0  Linear(2, 1000)           [1000]       3,000
        1  BatchNorm(1000)           [1000]       2,000
        2  relu                      [1000]           0
        3  Linear(1000, 2, no bias)  [2]          2,000

        7,000 parameters of float64

        memory
        parameters                54.7 KiB
        running statistics        15.6 KiB
        gradients                 54.7 KiB
        optimizer                109.4 KiB
        outputs of a batch of 8  187.8 KiB
        together                 422.1 KiB

        """)
    #expect(try folder.contents() == ["c.yaml", "t.csv"])
  }

  @Test func describesAModelForPrograms() throws {
    struct Summary: Decodable {
      struct Layer: Decodable {
        let layer: String
        let outputShape: [Int]
        let parameterCount: Int
      }
      let layers: [Layer]
      let parameterCount: Int
      let memory: [String: Int]
    }
    let outcome = try Apus().run("model", "c.yaml", "--json", in: Sample.folder())
    let summary = try JSONDecoder().decode(Summary.self, from: Data(outcome.output.utf8))
    #expect(summary.layers.map(\.layer) == ["Linear(2, 2)"])
    #expect(summary.layers.map(\.outputShape) == [[2]])
    #expect(summary.parameterCount == 6)
    #expect(summary.memory["optimizerStates"] == 48)
  }

  // MARK: - The command line

  @Test(arguments: [
    ("trian c.yaml", "there is no command 'trian' (did you mean 'train'?); expected devices, "),
    ("train", "Missing expected argument '<config>'; see 'apus train --help'"),
    ("train c.yaml --epoch 3", "Unknown option '--epoch'."),
    ("train c.yaml --epochs -3", "--epochs: there is -3; expected a whole number from 0 to "),
    ("train c.yaml --epochs two", "The value 'two' is invalid for '--epochs <epochs>'"),
    ("train c.yaml --seed -1", "The value '-1' is invalid for '--seed <seed>'"),
    ("train c.yaml --device gpu", "--device: there is no device 'gpu'; this machine has "),
    ("evaluate run", "Missing expected argument '<data>'; see 'apus evaluate --help'"),
    ("predict", "Missing expected argument '<dir>'; see 'apus predict --help'"),
  ])
  func aWrongCommandLineIsOneLine(_ arguments: String, _ message: String) throws {
    let folder = try Sample.folder()
    let outcome = try Apus().shell("apus \(arguments)", in: folder)
    #expect(outcome.status == 64)
    #expect(outcome.output == "")
    #expect(outcome.errors.hasPrefix("error: \(message)"))
    #expect(outcome.errors.split(separator: "\n").count == 1)
    #expect(try folder.contents() == ["c.yaml", "t.csv"])
  }

  @Test func aDeviceOfTheEnvironmentThatDoesNotExistIsOneLine() throws {
    let outcome = try Apus(device: "opencl:99").run("train", "c.yaml", in: Sample.folder())
    #expect(outcome.status == 64)
    #expect(outcome.errors.hasPrefix("error: APUS_DEVICE: there is no device 'opencl:99'; "))
    #expect(outcome.errors.contains("cpu (CPU reference (Swift))"))
    #expect(outcome.errors.split(separator: "\n").count == 1)
  }

  @Test(arguments: ["", "--help", "train --help", "help evaluate", "--version"])
  func helpIsNoError(_ arguments: String) throws {
    let outcome = try Apus().shell("apus \(arguments)", in: Folder())
    #expect(outcome.status == 0)
    #expect(outcome.errors == "")
    #expect(!outcome.output.isEmpty)
  }

  @Test func aConfigurationWithAMistakeIsOneLine() throws {
    let folder = try Sample.folder(Sample.configuration(model: "[linaer: 2]"))
    for command in ["train", "model"] {
      let outcome = try Apus().run(command, "c.yaml", in: folder)
      #expect(outcome.status == 65)
      #expect(outcome.output == "")
      #expect(
        outcome.errors.hasPrefix(
          "error: c.yaml:2: model[0]: there is no 'linaer' (did you mean 'linear'?); expected a layer"
        ))
      #expect(outcome.errors.split(separator: "\n").count == 1)
    }
    #expect(try folder.contents() == ["c.yaml", "t.csv"])
  }
}
