import Compute
import Foundation
import OpenCLBackend
import OpenCLRuntime
import Testing

@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct TuningTests {
  private func open(_ directory: String?) throws -> OpenCLBackend {
    var options = OpenCLBackend.Options()
    options.cacheDirectory = directory
    return try OpenCLBackend(device: Target.devices[0], options: options)
  }

  private func value(_ name: String, _ backend: OpenCLBackend) -> Int? {
    backend.tunableParameters.first { $0.name == name }?.value
  }

  @Test func whatIsKeptIsUsedUntilItIsForgotten() throws {
    try withTemporaryFolder { folder in
      let usual = try open(folder)
      #expect(usual.tuningEntry == nil)
      let parameter = try #require(usual.tunableParameters.first { $0.name == "elementGroup" })
      let other = try #require(parameter.candidates.first { $0 != parameter.value })
      let entry = try #require(try usual.keepTuning(["elementGroup": other]))
      // The open device goes on as it was.
      #expect(value("elementGroup", usual) == parameter.value)

      let tuned = try open(folder)
      #expect(tuned.tuningEntry == entry)
      #expect(value("elementGroup", tuned) == other)
      #expect(entry.device.contains(usual.name))

      try #expect(tuned.keepTuning([:]) == nil)
      let again = try open(folder)
      #expect(again.tuningEntry == nil)
      #expect(value("elementGroup", again) == parameter.value)
    }
  }

  @Test func candidatesAreTaken() throws {
    for parameter in try open(nil).tunableParameters {
      #expect(parameter.candidates.contains(parameter.value), "\(parameter.name)")
      for candidate in parameter.candidates where candidate != parameter.value {
        var profile = DeviceProfile(Target.devices[0])
        try profile.apply([parameter.name: candidate])
        #expect(profile != DeviceProfile(Target.devices[0]), "\(parameter.name) \(candidate)")
      }
    }
  }

  @Test func whatNoKernelTakesIsRefused() throws {
    try withTemporaryFolder { folder in
      let backend = try open(folder)
      let unknown = #expect(throws: BackendError.self) { try backend.keepTuning(["speed": 11]) }
      #expect(unknown?.description.contains("there is no 'speed' to tune; there are") == true)
      let wrong = #expect(throws: BackendError.self) { try backend.keepTuning(["elementGroup": 7]) }
      #expect(wrong?.description.contains("elementGroup cannot be 7; expected one of [32,") == true)
      try #expect(open(folder).tuningEntry == nil)
    }
  }

  @Test func withoutACacheNothingIsKept() throws {
    let error = #expect(throws: BackendError.self) {
      try open(nil).keepTuning(["elementGroup": 64])
    }
    #expect(error?.description.contains("no folder") == true)
  }

  @Test func aDamagedOrAlteredEntryIsNotUsed() throws {
    try withTemporaryFolder { folder in
      _ = try open(folder).keepTuning(["elementGroup": 64])
      let tuning = "\(folder)/tuning"
      let file =
        "\(tuning)/\(try #require(FileManager.default.contentsOfDirectory(atPath: tuning).first))"
      let text = try String(contentsOfFile: file, encoding: .utf8)
      for damaged in ["", "{", String(text.dropLast(9)), text.replacing(": 64", with: ": 128")] {
        try damaged.write(toFile: file, atomically: true, encoding: .utf8)
        try #expect(open(folder).tuningEntry == nil, "\(damaged)")
      }
      try text.write(toFile: file, atomically: true, encoding: .utf8)
      try #expect(open(folder).tuningEntry != nil)
    }
  }
}
