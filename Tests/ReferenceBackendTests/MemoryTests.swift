import Compute
import ReferenceBackend
import Testing

@Suite struct MemoryTests {
  @Test func whatIsHeldIsCounted() throws {
    let backend = ReferenceBackend()
    do {
      let storages = try [100, 0, 28].map { try backend.allocate(byteCount: $0) }
      #expect(storages.map(\.byteCount) == [100, 0, 28])
      withExtendedLifetime(storages) {
        #expect(backend.statistics.liveStorages == 3)
        #expect(backend.statistics.liveBytes == 128)
      }
    }
    _ = try backend.allocate(byteCount: 8)
    #expect(backend.statistics.liveStorages == 0)
    #expect(backend.statistics.liveBytes == 0)
    #expect(backend.statistics.peakBytes == 128)
  }

  @Test func nothingIsLeftAfterAStep() throws {
    let rig = Rig()
    let backend = rig.backend
    do {
      let geometry = NormalizationGeometry(
        outer: 4, groups: 3, inner: 1, channels: 3, channelStride: 1)
      let x = try rig.floats((0..<12).map(Float.init), [4, 3])
      let groups = try rig.zeros([3], .float32)
      try backend.normalizeGradient(
        x, x: x, mean: groups, inverseDeviation: groups, geometry: geometry, mode: .mean,
        scale: nil, shift: nil, activationDerivative: nil, into: try rig.zeros([12], .float32),
        scaleGradient: nil, shiftGradient: nil)
      withExtendedLifetime((x, groups)) { #expect(backend.statistics.liveStorages == 2) }
    }
    #expect(backend.statistics.liveStorages == 0)
    #expect(backend.statistics.liveBytes == 0)
  }

  @Test func theLimitIsKept() throws {
    let backend = ReferenceBackend(byteLimit: 1000)
    let held = try backend.allocate(byteCount: 600)
    let error = #expect(throws: BackendError.self) { try backend.allocate(byteCount: 500) }
    #expect(error?.kind == .outOfMemory)
    #expect(
      error?.message
        == "out of memory: 500 bytes were wanted under a limit of 1000 bytes; 600 bytes are in use "
        + "by 1 storages, 600 bytes at the peak")
    #expect(try backend.allocate(byteCount: 400).byteCount == 400)
    #expect(backend.statistics.byteLimit == 1000)
    withExtendedLifetime(held) {}
  }

  @Test func theHostsOwnLimitIsAnErrorToo() {
    let error = #expect(throws: BackendError.self) {
      try ReferenceBackend().allocate(byteCount: 1 << 60)
    }
    #expect(error?.kind == .outOfMemory)
  }

  @Test func bytesAreWrittenAndRead() throws {
    let backend = ReferenceBackend()
    let storage = try backend.allocate(byteCount: 8)
    try [UInt8](0..<8).withUnsafeBytes { try backend.write($0, to: storage, atByte: 0) }
    try [UInt8]([77, 78]).withUnsafeBytes { try backend.write($0, to: storage, atByte: 3) }
    var bytes = [UInt8](repeating: 0, count: 5)
    try bytes.withUnsafeMutableBytes { try backend.read(storage, atByte: 2, into: $0) }
    #expect(bytes == [2, 77, 78, 5, 6])
    try backend.wait()
    try backend.fence().wait()
    #expect(backend.statistics.waits == 2)
  }

  @Test func aFailedStorageThrowsItsFailure() throws {
    let backend = ReferenceBackend()
    let storage = try backend.allocate(byteCount: 4)
    storage.fail(BackendError(.execution, "first"))
    storage.fail(BackendError(.execution, "second"))
    var bytes = [UInt8](repeating: 0, count: 4)
    let error = #expect(throws: BackendError.self) {
      try bytes.withUnsafeMutableBytes { try backend.read(storage, atByte: 0, into: $0) }
    }
    #expect(error?.message == "first")
  }

  @Test func severalThreadsMayUseABackend() async throws {
    let backend = ReferenceBackend()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for task in 0..<8 {
        group.addTask {
          for _ in 0..<50 {
            let view = View(
              try backend.allocate(byteCount: 4000), dtype: .float32, shape: [1000])
            try backend.map([.input(0)], of: [.scalar(Double(task))], into: [view])
            try backend.map([.input(0) + 1], of: [.view(view)], into: [view])
            var values = [Float](repeating: 0, count: 1000)
            try values.withUnsafeMutableBytes {
              try backend.read(view.storage, atByte: 0, into: $0)
            }
            #expect(values == [Float](repeating: Float(task + 1), count: 1000))
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(backend.statistics.launches == 800)
    #expect(backend.statistics.liveBytes == 0)
  }

  @Test func whatItIs() {
    let backend = ReferenceBackend()
    #expect(!backend.name.isEmpty)
    #expect(DType.allCases.allSatisfy { backend.supports($0) })
  }
}
