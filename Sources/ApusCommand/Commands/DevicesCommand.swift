import ArgumentParser
import Compute
import Tensors

/// `apus devices`: what there is to compute on.
struct DevicesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "devices",
    abstract: "List the devices to compute on.",
    discussion: "The one marked with * is used where --device names no other.")

  @OptionGroup var format: FormatOption

  private struct Listing: Encodable {
    let `default`: String?
    let devices: [DeviceDescription]
  }

  func run() throws {
    let devices = Device.available
    let chosen = defaultIdentifier()
    if format.isJSON {
      return try Console.print(JSON.text(Listing(default: chosen, devices: devices)))
    }
    var table = TextTable(
      .left(""), .left("device"), .left("kind"), .right("units"), .right("memory"),
      .left("float64"),
      .left("name"))
    for device in devices {
      table.append(
        device.identifier == chosen ? "*" : "", device.identifier, device.kind.rawValue,
        "\(device.computeUnits)", byteCount(device.memory), device.supportsFloat64 ? "yes" : "no",
        [device.name, device.driver].filter { !$0.isEmpty }.joined(separator: ", "))
    }
    try Console.print("\(table)")
  }

  /// The device that commands use without --device; nil when APUS_DEVICE names none that exists.
  private func defaultIdentifier() -> String? {
    do {
      return try DeviceOption.openDefault().identifier
    } catch {
      // The list is what the user needs to mend it.
      Console.report("warning: \(error)")
      return nil
    }
  }
}
