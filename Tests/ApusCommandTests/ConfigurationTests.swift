import Foundation
import NeuralNetworks
import Tensors
import Testing

/// What configurations mean, and what is said of their mistakes.
@Suite("Configurations")
struct ConfigurationTests {
  /// The least that a configuration can say.
  static let least = "data: {file: t.csv}\nmodel: [linear: 2]\n"

  /// What a run is left with: the configuration as it was understood.
  private func resolved(
    _ configuration: String, table: String = Sample.table, options: String = "--epochs 0"
  ) throws -> String {
    let folder = try Folder(["t.csv": table, "c.yaml": configuration])
    let outcome = try Apus().shell("apus train c.yaml --output run \(options)", in: folder)
    #expect(outcome.errors == "")
    // The folder is another one each time.
    return try folder.text("run/config.yaml").replacing(#/\/\S*\/work\//#, with: "/")
  }

  // MARK: - Meaning

  @Test func whatIsLeftOutHasItsUsualValue() throws {
    #expect(
      try resolved(Self.least, options: "") == """
        data:
          file: /t.csv
          label: label
          heldOut: 0.2
          splitSeed: 0
          standardize: true
        model:
        - linear:
            units: 2
            bias: true
            initializer: torchLinear
            biasInitializer: torchLinear
        loss:
          crossEntropy:
            labelSmoothing: 0.0
        optimizer:
          adam:
            learningRate: 0.001
            beta1: 0.9
            beta2: 0.999
            eps: 1e-08
            weightDecay: 0.0
            amsgrad: false
        schedule: constant
        train:
          batchSize: 32
          epochs: 20
          seed: 0
          shuffle: true
          dtype: float32

        """)
  }

  @Test func everyKeyIsUnderstood() throws {
    let text = """
      data: {file: ./t.csv, label: y, heldOut: 0.5, splitSeed: 3, standardize: false}
      model:
        - linear: {units: 8, bias: false, initializer: heNormal}
        - batchNorm: {momentum: 0.2, eps: 1e-3, affine: false}
        - leakyReLU: 0.1
        - linear: {units: 4, initializer: {normal: 0.1}, biasInitializer: zeros}
        - elu
        - activation: {leakyReLU: 0.2}
        - dropout: 0.25
        - meanOnlyBatchNorm: {momentum: average}
        - layerNorm: {bias: false}
        - rmsNorm: {eps: 1e-6}
        - groupNorm: 2
        - weightNorm: {linear: {units: 8, bias: false}}
        - flatten
        - reshape: [-1, 2]
        - instanceNorm
        - flatten: {from: 1, through: 2}
        - prelu: {perChannel: true}
        - glu
        - maxout:
            units: 4
            pieces: 3
            bias: false
            initializer: {heUniform: {activation: gelu, mode: fanOut}}
        - softmax
        - logSoftmax
        - perUnit: [cos, identity, {leakyReLU: 0.2}, "x^2"]
        - activation: "x + cos(3*x)"
        - linear: 1
      loss: binaryCrossEntropy
      optimizer:
        sgd: {learningRate: 0.5, momentum: 0.9, nesterov: true, weightDecay: 1e-4}
      train: {batchSize: 7, epochs: 2, seed: 18446744073709551615, shuffle: false, dtype: float64}

      """
    let table = Sample.table.replacing("label", with: "y")
    let expected = """
      data:
        file: /t.csv
        label: y
        heldOut: 0.5
        splitSeed: 3
        standardize: false
      model:
      - linear:
          units: 8
          bias: false
          initializer:
            heNormal:
              gain: 1.4142135623730951
              mode: fanIn
      - batchNorm:
          momentum: 0.2
          eps: 0.001
          affine: false
      - leakyReLU:
          slope: 0.1
      - linear:
          units: 4
          bias: true
          initializer:
            normal:
              deviation: 0.1
          biasInitializer: zeros
      - elu:
          alpha: 1.0
      - activation:
          function:
            leakyReLU:
              slope: 0.2
      - dropout:
          probability: 0.25
      - meanOnlyBatchNorm:
          momentum: average
          affine: true
      - layerNorm:
          axes: 1
          eps: 1e-05
          affine: true
          bias: false
      - rmsNorm:
          axes: 1
          eps: 1e-06
          affine: true
      - groupNorm:
          groups: 2
          eps: 1e-05
          affine: true
      - weightNorm:
          layer:
            linear:
              units: 8
              bias: false
              initializer: torchLinear
      - flatten:
          from: 1
          through: -1
      - reshape:
          shape: [-1, 2]
      - instanceNorm:
          eps: 1e-05
          affine: false
      - flatten:
          from: 1
          through: 2
      - prelu:
          perChannel: true
          slope: 0.25
      - glu
      - maxout:
          units: 4
          pieces: 3
          bias: false
          initializer:
            heUniform:
              gain: \(Initializer.gain(for: .gelu))
              mode: fanOut
      - softmax
      - logSoftmax
      - perUnit:
          activations:
          - cos
          - identity
          - leakyReLU:
              slope: 0.2
          - x^2
      - activation:
          function: x + cos(3*x)
      - linear:
          units: 1
          bias: true
          initializer: torchLinear
          biasInitializer: torchLinear
      loss:
        binaryCrossEntropy:
          positiveWeight: 1.0
      optimizer:
        sgd:
          learningRate: 0.5
          momentum: 0.9
          nesterov: true
          weightDecay: 0.0001
      schedule: constant
      train:
        batchSize: 7
        epochs: 2
        seed: 18446744073709551615
        shuffle: false
        dtype: float64

      """
    #expect(try resolved(text, table: table, options: "") == expected)
    // What was understood is read again as the same.
    let again = expected.replacing("/t.csv", with: "t.csv")
    #expect(try resolved(again, table: table, options: "") == expected)
  }

  @Test func trainingIsUnderstood() throws {
    let expected = """
      loss:
        crossEntropy:
          labelSmoothing: 0.1
          classWeights:
          - 1.0
          - 2.5
      optimizer:
        rmsProp:
          learningRate: 0.01
          alpha: 0.9
          eps: 1e-08
          momentum: 0.5
          centered: true
          weightDecay: 0.0
        groups:
        - match: '*.bias'
          weightDecay: 0.0
          frozen: true
        - match: 0.*
          learningRateFactor: 0.5
      regularization:
        l1: 0.001
        clipNorm: 1.0
      schedule:
        cosine:
          to: 0.1
          over: 8.0
          unit: epochs
          warmUp: 2.0
          warmUpFrom: 0.1
      train:

      """
    let text =
      Self.least + """
        loss: {crossEntropy: {labelSmoothing: 0.1, classWeights: [1, 2.5]}}
        optimizer:
          rmsProp: {alpha: 0.9, momentum: 0.5, centered: true}
          groups:
            - {match: "*.bias", weightDecay: 0, frozen: true}
            - {match: "0.*", learningRateFactor: 0.5}
        regularization: {clipNorm: 1, l1: 1e-3}
        schedule: {cosine: {to: 0.1, over: 8, warmUp: 2}}

        """
    let understood = try resolved(text)
    #expect(understood.contains(expected), "\(understood)")
    let again = understood.replacing("/t.csv", with: "t.csv")
    #expect(try resolved(again) == understood)
  }

  @Test(arguments: [
    "schedule: cosine", "schedule: oneCycle", "schedule: {linear: {to: 0.1, over: 5, unit: steps}}",
    "schedule: {constant: {warmUp: 2}}", "schedule: {step: {every: 3}}",
    "schedule: reduceOnPlateau",
    "schedule: {exponential: {factor: 0.9}}", "optimizer: adagrad", "optimizer: {adadelta: 0.5}",
    "optimizer: {adamW: {amsgrad: true}}", "optimizer: {nadam: {decoupled: true}}", "loss: hinge",
    "loss: klDivergence", "loss: {hinge: 0.5}", "schedule: {cosine: 2}", "schedule: {step: 1}",
    "loss: {huber: {delta: 0.5}}", "loss: meanAbsoluteError",
    "loss: {crossEntropy: {classWeights: balanced}}", "regularization: {}",
    "optimizer: {adamW: , groups: [{match: '*', weightDecay: 0}]}",
  ])
  func everyNameTrains(_ line: String) throws {
    let text = try resolved(Self.least + line + "\n", options: "--epochs 2")
    #expect(try resolved(text.replacing("/t.csv", with: "t.csv"), options: "") == text)
  }

  @Test func optionsTakeThePlaceOfKeys() throws {
    let text = try resolved(
      Self.least + "train: {epochs: 5, seed: 1}\n", options: "--epochs 1 --seed 9")
    #expect(text.contains("epochs: 1\n  seed: 9\n"))
    #expect(text.contains("splitSeed: 9\n"))
  }

  @Test func filesAreRelativeToTheConfiguration() throws {
    let folder = try Folder(["a/t.csv": Sample.table, "a/b/c.yaml": Self.least])
    let missing = try Apus().run("model", "a/b/c.yaml", in: folder)
    #expect(
      missing.errors
        == "error: a/b/c.yaml:1: data.file: a/b/t.csv: cannot be read: No such file or directory\n")
    try folder.write(Self.least.replacing("t.csv", with: "../t.csv"), to: "a/b/c.yaml")
    #expect(try Apus().run("model", "a/b/c.yaml", in: folder).status == 0)
  }

  @Test func namesThatYAMLTakesForOthersSurvive() throws {
    let text = try resolved(
      "data: {file: t.csv, label: \"1\"}\nmodel: [linear: 2]\n",
      table: Sample.table.replacing("label", with: "1"))
    #expect(text.contains("label: '1'\n") || text.contains("label: \"1\"\n"))
  }

  @Test func filesOfOtherSystemsAreRead() throws {
    let text = "\u{feff}" + Self.least.replacing("\n", with: "\r\n")
    #expect(try resolved(text) == resolved(Self.least))
  }

  @Test(arguments: ["digits", "digits_recurrent", "iris", "wine", "breast_cancer"])
  func theExamplesAreConfigurations(_ name: String) throws {
    let outcome = try Apus().run(
      "model", Repository.path("Examples/\(name).yaml"), in: Folder())
    #expect(outcome.status == 0)
    #expect(outcome.errors == "")
  }

  // MARK: - Mistakes

  @Test(arguments: mistakes + mistakesWithData)
  func aMistakeIsNamedWithItsPlaceAndWhatWasExpected(_ mistake: Mistake) throws {
    let folder = try Folder(["t.csv": mistake.table, "c.yaml": mistake.text])
    let outcome = try Apus().run("train", "c.yaml", in: folder)
    #expect(outcome.status == 65)
    #expect(outcome.output == "")
    if mistake.message.hasSuffix("…") {
      #expect(outcome.errors.hasPrefix("error: \(mistake.message.dropLast())"))
      #expect(outcome.errors.count { $0 == "\n" } == 1)
    } else {
      #expect(outcome.errors == "error: \(mistake.message)\n")
    }
    #expect(try folder.contents() == ["c.yaml", "t.csv"])
  }

  struct Mistake: CustomTestStringConvertible, Sendable {
    let text: String
    let table: String
    /// The whole message, or its beginning and an ellipsis.
    let message: String

    init(_ text: String, table: String = Sample.table, _ message: String) {
      self.text = text
      self.table = table
      self.message = message
    }

    var testDescription: String { message }
  }

  private static let layers = "expected a layer, one of linear, batchNorm, …"

  private static let optimizers =
    "expected an optimizer, one of sgd, adagrad, adadelta, rmsProp, adam, adamW, nadam"

  private static let schedules =
    "expected a schedule, one of constant, step, exponential, linear, cosine, oneCycle, "
    + "reduceOnPlateau"

  private static let losses =
    "expected a loss, one of crossEntropy, binaryCrossEntropy, klDivergence, hinge, "
    + "meanSquaredError, meanAbsoluteError, huber"

  private static func model(_ layer: String, _ message: String) -> Mistake {
    Mistake("data: {file: t.csv}\nmodel:\n  - \(layer)\n", "c.yaml:3: model[0]\(message)")
  }

  private static func more(_ line: String, _ message: String) -> Mistake {
    Mistake(least + line, "c.yaml:3: \(message)")
  }

  static let mistakes: [Mistake] = [
    // The file.
    Mistake("", "c.yaml: the file is empty; expected the keys data, model and train"),
    Mistake("- a\n", "c.yaml: there is a list; expected keys and values, such as 'key: value'"),
    Mistake(
      "data: {\nmodel: [}\n",
      "c.yaml:2: this is not YAML: while parsing a flow node, did not find expected node content"),
    Mistake(least + "data: {}\n", "c.yaml:1: 'data' is there twice; expected each key once"),
    more(
      "lose: crossEntropy",
      "lose: there is no such key (did you mean 'loss'?); expected data, model, loss, optimizer, regularization, schedule, train"
    ),

    // The data.
    Mistake(
      "model: [linear: 3]\n",
      "c.yaml: data.file: the key is missing; expected the path of a CSV file with a header, or of a .npz file, from the configuration's folder"
    ),
    Mistake(
      "data: {fiel: t.csv}\n",
      "c.yaml:1: data.fiel: there is no such key (did you mean 'file'?); expected file"),
    Mistake(
      "data: t.csv\n",
      "c.yaml:1: data: there is 't.csv'; expected keys and values, such as 'key: value'"),
    Mistake(
      "data: {file: t.csv, heldOut: 1}\n",
      "c.yaml:1: data.heldOut: there is '1'; expected a number from 0 to below 1"),
    Mistake(
      "data: {file: x.npy}\n",
      "c.yaml:1: data.file: a .npy file is one array; expected a .npz file, which has inputs and labels, or a CSV file"
    ),
    Mistake(
      "data: {file: t.csv, standardize: yes}\n",
      "c.yaml:1: data.standardize: there is 'yes'; expected true or false"),
    Mistake(
      "data: {file: t.csv, splitSeed: -1}\n",
      "c.yaml:1: data.splitSeed: there is '-1'; expected a whole number from 0 to 18446744073709551615"
    ),
    Mistake(
      "data: {file: [t.csv]}\n",
      "c.yaml:1: data.file: there is a list; expected the path of a CSV file with a header, or of a .npz file, from the configuration's folder"
    ),

    // The model.
    Mistake(
      "data: {file: t.csv}\n",
      "c.yaml: model: the key is missing; expected a list of layers, such as '- linear: 128'"),
    Mistake(
      "data: {file: t.csv}\nmodel: []\n",
      "c.yaml:2: model: there is an empty list; expected a list of layers, such as '- linear: 128'"),
    Mistake(
      "data: {file: t.csv}\nmodel: linear\n",
      "c.yaml:2: model: there is 'linear'; expected a list of layers, such as '- linear: 128'"),
    model("linaer: 3", ": there is no 'linaer' (did you mean 'linear'?); \(layers)"),
    model("transformer: 3", ": there is no 'transformer'; \(layers)"),
    model("[linear]", ": there is a list; \(layers)"),
    model("", ": there is nothing; \(layers)"),
    model("{linear: 3, relu: 1}", ": there are several keys, linear, relu; \(layers)"),
    model(
      "linear", ".linear.units: the key is missing; expected a whole number from 1 to 1000000"),
    model("linear: x", ".linear: there is 'x'; expected a whole number from 1 to 1000000"),
    model("linear: 2.5", ".linear: there is '2.5'; expected a whole number from 1 to 1000000"),
    model("linear: \"3\"", ".linear: there is '3'; expected a whole number from 1 to 1000000"),
    model(
      "linear: {units: 0}",
      ".linear.units: there is '0'; expected a whole number from 1 to 1000000"),
    model(
      "linear: {units: 3, bais: true}",
      ".linear.bais: there is no such key (did you mean 'bias'?); expected units, bias, initializer, biasInitializer"
    ),
    model(
      "linear: {units: 3, bias: false, biasInitializer: zeros}",
      ".linear.biasInitializer: there is no such key (did you mean 'initializer'?); expected units, bias, initializer"
    ),
    model(
      "linear: {units: 3, initializer: normal}",
      ".linear.initializer.normal: 'normal' needs a number; expected 'normal: 0.1' or the like"),
    model(
      "linear: {units: 3, initializer: {zeros: 1}}",
      ".linear.initializer.zeros: 'zeros' takes no setting; expected 'zeros' alone"),
    model(
      "linear: {units: 3, initializer: {lecunNormal: {mode: fanOut}}}",
      ".linear.initializer.lecunNormal: 'lecunNormal' takes no setting; expected 'lecunNormal' alone"
    ),
    model(
      "linear: {units: 3, initializer: {heNormal: {gain: 1, activation: relu}}}",
      ".linear.initializer.heNormal.activation: there is a gain too, which it would give; expected one of them"
    ),
    model("relu: 1", ".relu: 'relu' takes no setting; expected 'relu' alone"),
    model(
      "gelu: {approximate: tanh}", ".gelu: 'gelu' takes no setting; expected 'gelu' alone"),
    model(
      "reshape: [1000000000, 1000000000, 1000000000]",
      ".reshape: Reshape(1000000000, 1000000000, 1000000000) needs more than 2⁴⁰ elements, but its input of shape [2] has 2"
    ),
    model(
      "reshape: [2, x]",
      ".reshape[1]: there is 'x'; expected a whole number from -1 to 1000000000"),
    model(
      "reshape: [-1, -1]",
      ".reshape: there is [-1, -1]; expected lengths from 1, one of which may be -1 for what is left"
    ),
    model(
      "reshape: {shape: []}",
      ".reshape.shape: there is an empty list; expected a list, each a whole number from -1 to 1000000000"
    ),
    model(
      "flatten: {through: 0}",
      ".flatten.through: axis 0 is the batch's, which stays; expected an axis from 1, or from −1, the last"
    ),
    model("leakyReLU: {alpha: 1}", ".leakyReLU.alpha: there is no such key; expected slope"),
    model("leakyReLU: steep", ".leakyReLU: there is 'steep'; expected a number"),
    model(
      "activation: x + coz(3*x)",
      ".activation: column 5 of 'x + coz(3*x)': there is no 'coz' (did you mean 'cos'?)"),
    model(
      "activation",
      ".activation.function: the key is missing; expected an activation's name, or an expression of x, such as 'x + cos(3*x)'"
    ),
    model(
      "activation: {function: {relu: 1}}",
      ".activation.function.relu: 'relu' takes no setting; expected 'relu' alone"),
    model(
      "activation: {leakyRELU: 0.2}",
      ".activation: there is no 'leakyRELU' (did you mean 'leakyReLU'?); expected an activation, one of \(Activation.names.joined(separator: ", "))"
    ),
    model(
      "perUnit: cos",
      ".perUnit: there is 'cos'; expected a list of activations, such as [cos, identity]"),
    model(
      "perUnit: [cos, x +]",
      ".perUnit[1]: column 4 of 'x +': the text ends here; expected a number, x, a function or '('"),
    model(
      "perUnit: [cos, identity, sin]",
      ".perUnit: PerUnit has 3 activations, but its input has shape [2]; expected 3 units, or a multiple"
    ),
    model(
      "linear: {units: 3, initializer: {heNormal: {activation: rleu}}}",
      ".linear.initializer.heNormal.activation: column 1 of 'rleu': there is no 'rleu' (did you mean 'relu'?)"
    ),
    model(
      "linear: {units: 3, initializer: {sparse: 2}}",
      ".linear.initializer.sparse: there is '2'; expected a number above 0 and at most 1"),
    model(
      "linear: {units: 3, initializer: {heNormal: {mode: fanin}}}",
      ".linear.initializer.heNormal.mode: there is 'fanin' (did you mean 'fanIn'?); expected one of fanIn, fanOut, fanAverage"
    ),
    model("celu: 0", ".celu: there is '0'; expected a number above 0"),
    model("maxout: 0", ".maxout: there is '0'; expected a whole number from 1 to 1000000"),
    model("glu: 2", ".glu: there is '2'; expected keys and values, such as 'key: value'"),
    model("dropout: 1", ".dropout: there is '1'; expected a number from 0 to below 1"),
    model(
      "batchNorm: {eps: 0}", ".batchNorm.eps: there is '0'; expected a number above 0"),
    model(
      "batchNorm: {momentum: 2}",
      ".batchNorm.momentum: there is '2'; expected a number above 0 and at most 1, or average"),
    model(
      "weightNorm", ".weightNorm.layer: the key is missing; expected a layer, such as 'linear: 128'"
    ),
    model(
      "weightNorm: relu",
      ".weightNorm.relu: relu has no weight to normalise; expected a layer with one, as 'linear: 128'"
    ),
    model(
      "groupNorm",
      ".groupNorm.groups: the key is missing; expected a whole number from 1 to 1000000"),
    model(
      "batchNorm: 3",
      ".batchNorm: there is '3'; expected keys and values, such as 'key: value'"),

    // The rest.
    more(
      "loss: crossentropy",
      "loss: there is no 'crossentropy' (did you mean 'crossEntropy'?); \(losses)"),
    more("loss: mse", "loss: there is no 'mse' (did you mean 'meanSquaredError'?); \(losses)"),
    more("loss: 3", "loss: there is no '3'; \(losses)"),
    more("loss: [huber]", "loss: there is a list; \(losses)"),
    more(
      "loss: {crossEntropy: {labelSmoothing: 1.5}}",
      "loss.crossEntropy.labelSmoothing: there is '1.5'; expected a number from 0 to below 1"),
    more(
      "loss: {crossEntropy: {smoothing: 0.1}}",
      "loss.crossEntropy.smoothing: there is no such key (did you mean 'labelSmoothing'?); expected labelSmoothing, classWeights"
    ),
    more(
      "loss: {crossEntropy: 0.1}",
      "loss.crossEntropy: there is '0.1'; expected keys and values, such as 'key: value'"),
    more(
      "loss: {crossEntropy: {classWeights: blanced}}",
      "loss.crossEntropy.classWeights: there is 'blanced'; expected balanced, or a list of one number for each class"
    ),
    more(
      "loss: {hinge: {classWeights: [1, -1]}}",
      "loss.hinge.classWeights[1]: there is '-1'; expected a number above 0"),
    more("loss: {huber: 0}", "loss.huber: there is '0'; expected a number above 0"),
    more("loss: {huber: {delta: 0}}", "loss.huber.delta: there is '0'; expected a number above 0"),
    more(
      "loss: {meanSquaredError: {delta: 1}}",
      "loss.meanSquaredError.delta: there is no such key; expected none here"),
    more(
      "optimizer: adma",
      "optimizer: there is no 'adma' (did you mean 'adam'?); \(optimizers)"
    ),
    more(
      "optimizer: {adam: {learningrate: 1}}",
      "optimizer.adam.learningrate: there is no such key (did you mean 'learningRate'?); expected learningRate, beta1, beta2, eps, weightDecay, amsgrad"
    ),
    more(
      "optimizer: {sgd: 0}", "optimizer.sgd: there is '0'; expected a number above 0"),
    more(
      "optimizer: {sgd: nan}", "optimizer.sgd: there is 'nan'; expected a number above 0"),
    more(
      "optimizer: {sgd: {nesterov: true}}",
      "optimizer.sgd.nesterov: the momentum is 0; expected 'momentum: 0.9' or the like"),
    more(
      "optimizer: amsgrad", "optimizer: there is no 'amsgrad' (did you mean 'adam'?); \(optimizers)"
    ),
    more(
      "optimizer: rmsprop",
      "optimizer: there is no 'rmsprop' (did you mean 'rmsProp'?); \(optimizers)"),
    more(
      "optimizer: {rmsProp: {alpha: 1}}",
      "optimizer.rmsProp.alpha: there is '1'; expected a number from 0 to below 1"),
    more(
      "optimizer: {adamW: {weightDecay: -0.1}}",
      "optimizer.adamW.weightDecay: there is '-0.1'; expected a number of at least 0"),
    more(
      "optimizer: {adam: {amsgrad: 1}}",
      "optimizer.adam.amsgrad: there is '1'; expected true or false"),
    more(
      "optimizer: {adam: 1, groups: [{match: a}]}",
      "optimizer.groups[0]: the group sets nothing; expected learningRateFactor, weightDecay, l1, l2, maxNorm or frozen beside match"
    ),
    more(
      "optimizer: {adam: 1, sgd: 1, groups: []}",
      "optimizer: there are several keys, adam, sgd; \(optimizers), with its settings in braces"),
    more(
      "optimizer: {adam: 1, groups: {match: a}}",
      "optimizer.groups: there is a mapping; expected a list of groups, such as '- {match: \"*.bias\", weightDecay: 0}'"
    ),
    more(
      "optimizer: {adam: 1, groups: [{weightDecay: 0}]}",
      "optimizer.groups[0].match: the key is missing; expected a pattern of parameter names, such as '*.bias' or '0.*'"
    ),
    more(
      "optimizer: {adam: 1, groups: [{match: a, weightdecay: 0}]}",
      "optimizer.groups[0].weightdecay: there is no such key (did you mean 'weightDecay'?); expected match, learningRateFactor, weightDecay, l1, l2, maxNorm, frozen"
    ),
    more(
      "optimizer: {adam: 1, groups: [{match: a, frozen: 1}]}",
      "optimizer.groups[0].frozen: there is '1'; expected true or false"),
    more(
      "regularization: {l1: -1}",
      "regularization.l1: there is '-1'; expected a number of at least 0"),
    more(
      "regularization: {clipNorm: 0}",
      "regularization.clipNorm: there is '0'; expected a number above 0"),
    more(
      "regularization: {maxnorm: 1}",
      "regularization.maxnorm: there is no such key (did you mean 'maxNorm'?); expected l1, l2, maxNorm, clipValue, clipNorm"
    ),
    more(
      "regularization: l2",
      "regularization: there is 'l2'; expected keys and values, such as 'key: value'"),
    more("schedule: cosin", "schedule: there is no 'cosin' (did you mean 'cosine'?); \(schedules)"),
    more(
      "schedule: plateau",
      "schedule: there is no 'plateau' (did you mean 'reduceOnPlateau'?); \(schedules)"),
    more(
      "schedule: step",
      "schedule.step.every: the key is missing; expected a number above 0"),
    more("schedule: {step: 0}", "schedule.step: there is '0'; expected a number above 0"),
    more(
      "schedule: {exponential: {factor: 2}}",
      "schedule.exponential.factor: there is '2'; expected a number above 0 and at most 1"),
    more(
      "schedule: {cosine: {over: 5, unit: batches}}",
      "schedule.cosine.unit: there is 'batches'; expected one of steps, epochs"),
    more(
      "schedule: {cosine: {over: 5, warmUp: 5}}",
      "schedule.cosine.warmUp: the warm-up of 5.0 takes all of 'over', 5.0; expected a number below that"
    ),
    more(
      "schedule: {reduceOnPlateau: {patience: -1}}",
      "schedule.reduceOnPlateau.patience: there is '-1'; expected a whole number from 0 to 1000000"
    ),
    more(
      "train: {batchSize: 0}",
      "train.batchSize: there is '0'; expected a whole number from 1 to 1000000"),
    more(
      "train: {epoch: 3}",
      "train.epoch: there is no such key (did you mean 'epochs'?); expected batchSize, epochs, seed, shuffle, dtype, initialWeights"
    ),
    more(
      "train: {dtype: float16}",
      "train.dtype: there is 'float16' (did you mean 'float32'?); expected one of float32, float64"),
    more("train:", "train: there is nothing; expected keys and values, such as 'key: value'"),
  ]

  /// What only shows when the data is there.
  private static func withData(
    _ line: String = "", model: String = "[linear: 2]", table: String = Sample.table,
    _ message: String
  ) -> Mistake {
    Mistake(Sample.configuration(model: model, line), table: table, message)
  }

  static let mistakesWithData: [Mistake] = [
    withData(
      model: "[relu, linear: 3]",
      "c.yaml:2: model[1].linear: the last layer gives 3 outputs, but crossEntropy takes 2 for 2 classes; expected 'linear: 2' at the end"
    ),
    withData(
      model: "[reshape: [3, 1], flatten, linear: 2]",
      "c.yaml:2: model[0].reshape: Reshape(3, 1) needs 3 elements, but its input of shape [2] has 2"
    ),
    withData(
      "loss: binaryCrossEntropy",
      "c.yaml:2: model[0].linear: the last layer gives 2 outputs, but binaryCrossEntropy takes 1 for 2 classes; expected 'linear: 1' at the end"
    ),
    withData(
      "loss: binaryCrossEntropy", table: Sample.table + "5,5,both\n",
      "c.yaml:3: loss: binaryCrossEntropy tells two classes apart, but the data has 3; expected crossEntropy"
    ),
    withData(
      "optimizer: {adam: 1e-3, groups: [{match: '*.bais', weightDecay: 0}]}",
      "c.yaml:3: optimizer.groups[0].match: no parameter matches '*.bais' (did you mean '*.bias'?); there are 0.weight, 0.bias"
    ),
    withData(
      "loss: {crossEntropy: {classWeights: [1, 2, 3]}}",
      "c.yaml:3: loss.crossEntropy.classWeights: there are 3 weights, but the data has 2 classes; expected one for each of left, right"
    ),
    withData(
      model: "[linear: 6, groupNorm: 4, linear: 2]",
      "c.yaml:2: model[1].groupNorm: GroupNorm has 4 groups, which do not divide the 6 channels of its input; 1, 2, 3, 6 do"
    ),
    withData(
      "train: {batchSize: 1}", model: "[batchNorm, linear: 2]",
      "c.yaml:3: train.batchSize: model[0].batchNorm needs batches of 2 rows or more; expected a whole number from 2, or groupNorm or layerNorm in its place"
    ),
    withData(
      "train: {initialWeights: w.safetensors}",
      "c.yaml:3: train.initialWeights: w.safetensors: cannot be read: No such file or directory"),
    Mistake(
      "data: {file: u.csv}\nmodel: [linear: 2]\n",
      "c.yaml:1: data.file: u.csv: cannot be read: No such file or directory"),
    Mistake(
      "data: {file: t.csv, label: labl}\nmodel: [linear: 2]\n",
      "c.yaml:1: data.label: t.csv:1: there is no label column \"labl\" (did you mean \"label\"?); the columns are \"a\", \"b\", \"label\""
    ),
    withData(
      table: "a,label\n1,x\n2,x\n",
      "c.yaml:1: data.label: all rows of t.csv have the label 'x'; expected two classes or more"),
    withData(
      table: "a,label\n1,x\n2\n", "t.csv:3: the row has 1 cell, but the header has 2 columns"),
    withData(table: "a,label\n1,x\ntwo,y\n", "t.csv:3: column \"a\": \"two\" is not a number"),
    withData(table: "a,label\n1,x\n,y\n", "t.csv:3: column \"a\": the cell is empty"),
  ]

  @Test func aFileThatCannotBeReadIsNamed() throws {
    let outcome = try Apus().run("train", "nowhere/c.yaml", in: Folder())
    #expect(outcome.status == 65)
    #expect(outcome.errors == "error: nowhere/c.yaml: cannot be read: No such file or directory\n")
  }
}
