import Compute
import Tensors
import TestSupport
import Testing

import func Foundation.setenv
import func Foundation.unsetenv

@Suite struct DeviceTests {
  @Test("The reference is always there, last, and computes in double precision")
  func reference() throws {
    let last = try #require(Device.available.last)
    #expect(last.identifier == "cpu")
    #expect(last.kind == .reference)
    #expect(last.supportsFloat64)
    #expect(last.computeUnits > 0)
    #expect(last.memory > 0)
    #expect(Device.reference.identifier == "cpu")
    #expect(Device.reference == Device.reference)
    #expect(Device.reference != Device.unsharedReference())
    #expect(try Device(named: "CPU") == .reference)
    #expect(Device.reference.description == "cpu (\(Device.reference.name))")
    #expect(DType.allCases.allSatisfy(Device.reference.supports))
  }

  @Test("OpenCL devices are numbered, and found by number and by kind")
  func names() throws {
    let listed = Device.available.dropLast()
    for (number, description) in listed.enumerated() {
      #expect(description.identifier == "opencl:\(number)")
      let device = try Device(named: "opencl:\(number)")
      #expect(device.identifier == description.identifier)
      #expect(device.name == description.name)
      #expect(device.supports(.float64) == description.supportsFloat64)
      #expect(try Device(named: "OpenCL:\(number)") == device)
      let first = listed.first { $0.kind == description.kind }
      #expect(
        try Device(named: "opencl:\(description.kind.rawValue)").identifier == first?.identifier)
    }
    if let best = listed.first(where: { $0.kind == .gpu }) ?? listed.first {
      #expect(try Device(named: "opencl").identifier == best.identifier)
    }
  }

  @Test(
    "A device that does not exist is an error that lists those that do",
    arguments: [
      "opencl:99", "opencl:-1", "opencl:tpu", "cuda", "", "opencl:0:0", "opencl:", "cpu:0",
    ])
  func unknown(name: String) throws {
    let error = #expect(throws: DeviceError.self) { try Device(named: name) }
    let message = try #require(error).description
    #expect(message.hasPrefix("there is no device '\(name)'; this machine has "))
    for description in Device.available {
      #expect(message.contains("\(description.identifier) (\(description.name))"))
    }
    #expect(!message.contains("\n"))
  }

  @Test("The current device is the one that was set, for as long as it is")
  func current() throws {
    let device = Device.unsharedReference()
    #expect(Device.current == .default)
    let made = Device.with(device) {
      #expect(Device.current == device)
      let inner = Device.with(.reference) { Tensor([1]) }
      #expect(inner.device == .reference)
      return [
        Tensor([1]), Tensor(1), Tensor([[1]]), Tensor.zeros([1]), .ones([1]), .full([1], 2),
        .range(1),
        .uniform([1], key: RandomKey(seed: 1)), .normal([1], key: RandomKey(seed: 1)),
        Tensor([1], shape: [1]),
      ]
    }
    #expect(made.allSatisfy { $0.device == device })
    #expect(Device.current == .default)
    struct Stop: Error {}
    #expect(throws: Stop.self) { try Device.with(device) { throw Stop() } }
    #expect(Device.current == .default)
  }

  @Test("The best device is an OpenCL GPU, else an OpenCL processor, else the reference")
  func best() async {
    await #expect(processExitsWith: .success) {
      unsetenv("APUS_DEVICE")
      let devices = Device.available
      let expected =
        [DeviceDescription.Kind.gpu, .cpu, .accelerator, .reference].lazy
        .compactMap { kind in devices.first { $0.kind == kind } }.first
      guard Device.default.identifier == expected?.identifier else {
        fatalError("\(Device.default)")
      }
    }
  }

  @Test("APUS_DEVICE names the device, and an empty one none")
  func environment() async {
    await #expect(processExitsWith: .success) {
      setenv("APUS_DEVICE", "cpu", 1)
      guard Device.default == .reference, Tensor([1]).device == .reference else {
        fatalError("\(Device.default)")
      }
    }
    await #expect(processExitsWith: .success) {
      setenv("APUS_DEVICE", "", 1)
      _ = Device.default
    }
    let result = await #expect(processExitsWith: .failure, observing: [\.standardErrorContent]) {
      setenv("APUS_DEVICE", "opencl:99", 1)
      _ = Device.default
    }
    expectMessage(result, "APUS_DEVICE: there is no device 'opencl:99'; this machine has ")
    expectMessage(result, "cpu (CPU reference (Swift))")
  }

  @Test("Without an OpenCL driver the reference computes, and says how to get one")
  func noDriver() async {
    let result = await #expect(processExitsWith: .success, observing: [\.standardErrorContent]) {
      unsetenv("APUS_DEVICE")
      // The loader looks for drivers in a place that has none.
      setenv("OCL_ICD_VENDORS", "/nonexistent", 1)
      setenv("OCL_ICD_FILENAMES", "", 1)
      guard Device.default == .reference else { fatalError("\(Device.default)") }
      guard Device.available.map(\.identifier) == ["cpu"] else { fatalError("listed") }
    }
    expectMessage(result, "apt install pocl-opencl-icd")
  }

  @Test("Two names of one device are one device; what is opened beside it is not")
  func identity() throws {
    for device in TestDevices.all {
      let other = try Device.unshared(device.identifier)
      #expect(other != device)
      #expect(other.identifier == device.identifier)
      #expect(try Device(named: device.identifier) == device)
      #expect(Set([device, other, device]).count == 2)
    }
  }

  @Test("A fence is passed when what came before it is done", arguments: TestDevices.all)
  func fences(device: Device) throws {
    let x = Tensor.ones([1000], on: device) + 1
    let fence = try device.fence()
    try fence.wait()
    try device.wait()
    #expect(try x.sum().item(of: Int.self) == 2000)
  }
}
