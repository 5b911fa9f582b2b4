import Compute
import NeuralNetworks
import Yams

/// The section `model`: a list of layers.
struct ModelConfiguration {
  let items: [LayerConfiguration]
  let place: Place

  /// Reads the list.
  init(_ section: ConfigurationSection, key: String) throws {
    place = section.place(of: key)
    guard let node = section.node(key) else {
      throw section.missing(key, expected: LayerConfiguration.listDescription)
    }
    let (items, resolved) = try LayerConfiguration.list(node, at: place)
    section.record(key, resolved)
    self.items = items
  }

  /// The layers of the list, and those in their settings.
  private var all: [LayerConfiguration] { items.flatMap(\.all) }
}

// MARK: - Building

extension ModelConfiguration {
  /// The network, with the shape of one example after each layer.
  struct Built {
    let network: Sequential
    let outputShapes: [Shape]
  }

  /// Builds the network for examples of a shape.
  ///
  /// Throws ``ConfigurationError`` at the layer whose input does not fit, or at the last one when
  /// what it gives is not what the loss takes for the classes.
  func build(input: Shape, classCount: Int, loss: LossConfiguration) throws -> Built {
    let network = Sequential(items.map(\.layer))
    let shape: Shape
    do {
      shape = try network.build(input: input)
    } catch {
      let culprit = all.first { error.isOf($0.layer) }
      throw ConfigurationError(culprit?.place ?? place, error.problem)
    }
    let needed = try loss.outputCount(classCount: classCount)
    if shape != [needed], let last = items.last {
      throw ConfigurationError(
        last.place,
        """
        the last layer gives \(counted(shape.count, "output")), but \(loss.name) takes \(needed) \
        for \(counted(classCount, "class", plural: "classes")); expected 'linear: \(needed)' at \
        the end
        """)
    }
    return Built(network: network, outputShapes: network.outputShapes)
  }

  /// The embedding that takes the numbers of the examples themselves.
  var embeddingOfInputs: (layer: Embedding, place: Place)? {
    let first = items.first { !($0.layer is Reshape || $0.layer is Flatten) }
    guard let first, let layer = first.layer as? Embedding else { return nil }
    return (layer, first.place)
  }

  /// The first layer of a built model that takes statistics which one row alone does not have.
  var layerThatNeedsBatches: LayerConfiguration? { all.first { $0.layer.needsSeveralExamples } }
}
