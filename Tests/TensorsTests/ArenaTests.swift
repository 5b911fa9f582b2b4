import Compute
import Tensors
import TestSupport
import Testing

@Suite struct ArenaTests {
  private func arena(_ values: [Double], _ setting: Setting) -> Arena {
    let arena = Arena(length: values.count, dtype: setting.dtype, on: setting.device)
    #expect(
      Arena.update([.init(arena, to: .input(0))], from: [.tensor(setting.tensor(values))]) == nil)
    return arena
  }

  @Test("An arena begins with zeros, and its parts are tensors", arguments: Setting.all)
  func parts(setting: Setting) throws {
    let arena = Arena(length: 6, dtype: setting.dtype, on: setting.device)
    try expectEqual(arena.whole, [6], [0, 0, 0, 0, 0, 0])
    let filled = self.arena([1, 2, 3, 4, 5, 6], setting)
    try expectEqual(filled.tensor(at: 1, shape: [2, 2]), [2, 2], [2, 3, 4, 5])
    try expectEqual(filled.tensor(at: 5, shape: .scalar), [], [6])
  }

  @Test("Each tensor of an arena starts at a multiple of 128 bytes")
  func padding() {
    for (count, float32, float64) in [
      (0, 0, 0), (1, 32, 16), (16, 32, 16), (32, 32, 32), (33, 64, 48),
    ] {
      #expect(Arena.paddedCount(count, dtype: .float32) == float32)
      #expect(Arena.paddedCount(count, dtype: .float64) == float64)
    }
  }

  @Test("Of tensors that will be written, only the padding is zero", arguments: Setting.all)
  func paddingOfTensorsThatWillBeWritten(setting: Setting) throws {
    // Long enough that not all of it is filled, with more ends than one launch takes.
    let counts = [1_500_003] + Array(repeating: 3, count: 18)
    let length = counts.reduce(0) { $0 + Arena.paddedCount($1, dtype: setting.dtype) }
    // Memory that is used again has old numbers.
    try Tensor.full([length], .nan, dtype: setting.dtype, on: setting.device).wait()
    let arena = Arena(writing: counts, dtype: setting.dtype, on: setting.device)
    #expect(arena.length == length)
    let values = try arena.whole.array(of: Double.self)
    var offset = 0
    for count in counts {
      let end = offset + Arena.paddedCount(count, dtype: setting.dtype)
      #expect(values[(offset + count)..<end].allSatisfy { $0 == 0 })
      offset = end
    }
  }

  @Test("A part is written in place; the rest stays", arguments: Setting.all)
  func writing(setting: Setting) throws {
    let arena = arena([1, 2, 3, 4, 5, 6], setting)
    let failure = Arena.update(
      [.init(arena, at: 2, shape: [2], to: .input(0) * .input(1) + .input(2))],
      from: [
        .arena(arena, at: 2, shape: [2]), .tensor(setting.tensor([10, 100])), .scalar(0.5),
      ])
    #expect(failure == nil)
    try expectEqual(arena.whole, [6], [1, 2, 30.5, 400.5, 5, 6])
  }

  @Test(
    "Several arenas are written in one launch, from their values before it", arguments: Setting.all)
  func severalTargets(setting: Setting) throws {
    let device = try Device.unshared(setting.device.identifier)
    let here = Setting(device, setting.dtype)
    let (first, second) = (arena([1, 2, 3], here), arena([10, 20, 30], here))
    let before = device.statistics
    let failure = Arena.update(
      [.init(first, to: .input(1)), .init(second, to: .input(0) + .input(2))],
      from: [.arena(first), .arena(second), .scalar(5)])
    #expect(failure == nil)
    #expect(device.statistics.launches == before.launches + 1)
    #expect(device.statistics.liveStorages == before.liveStorages)
    try expectEqual(first.whole, [3], [10, 20, 30])
    try expectEqual(second.whole, [3], [6, 7, 8])
  }

  @Test(
    "Who holds a tensor of an arena keeps its values when the arena is written",
    arguments: Setting.all)
  func readers(setting: Setting) throws {
    let device = try Device.unshared(setting.device.identifier)
    let here = Setting(device, setting.dtype)
    let arena = arena([1, 2, 3, 4], here)
    func write(_ value: Double) {
      #expect(
        Arena.update([.init(arena, to: .input(0) * 0 + value.expression)], from: [.arena(arena)])
          == nil)
    }
    let whole = arena.whole
    let view = arena.tensor(at: 1, shape: [2]).expandingShape(at: 0).transposed()
    let before = device.statistics.launches
    write(9)
    // One copy for all readers, one update.
    #expect(device.statistics.launches == before + 2)
    let later = arena.tensor(at: 0, shape: [2])
    write(10)
    try expectEqual(whole, [4], [1, 2, 3, 4])
    try expectEqual(view, [2, 1], [2, 3])
    try expectEqual(later, [2], [9, 9])
    try expectEqual(arena.whole, [4], [10, 10, 10, 10])
    // Nobody holds it any more, so nothing is copied.
    let then = device.statistics
    write(11)
    #expect(device.statistics.launches == then.launches + 1)
    #expect(device.statistics.peakBytes == then.peakBytes)
    try expectEqual(arena.whole, [4], [11, 11, 11, 11])
  }

  @Test(
    "A tensor taken before an update keeps its value in later arithmetic", arguments: Setting.all)
  func gradientsOfReaders(setting: Setting) throws {
    let arena = arena([1, 2, 3], setting)
    let (_, pullback) = valueWithPullback(at: [arena.whole]) { $0[0] * $0[0] }
    #expect(Arena.update([.init(arena, to: 100)], from: [.arena(arena)]) == nil)
    try expectEqual(pullback(setting.tensor([1, 1, 1]))[0], [3], [2, 4, 6])
  }

  @Test("An operand that failed leaves the arena as it was")
  func failedOperands() throws {
    let device = Device.unsharedReference(byteLimit: 1 << 12)
    let here = Setting(device, .float64)
    let arena = arena([1, 2, 3], here)
    let failed = Tensor.zeros([1 << 12], on: device)
    let failure = Arena.update(
      [.init(arena, to: .input(0) + .input(1))], from: [.arena(arena), .tensor(failed.sum())])
    #expect((failure as? BackendError)?.kind == .outOfMemory)
    try expectEqual(arena.whole, [3], [1, 2, 3])
  }

  @Test("A copy for which there is no room fails its readers, not the arena")
  func noRoomForReaders() throws {
    let watched = WatchedBackend()
    let here = Setting(watched.device, .float64)
    let arena = arena([1, 2, 3], here)
    let reader = arena.whole
    watched.refuse { call, _ in call == .allocate }
    #expect(Arena.update([.init(arena, to: 7)], from: [.arena(arena)]) == nil)
    watched.refuseNothing()
    #expect(throws: WatchedBackend.Refusal(call: .allocate)) { try reader.array(of: Double.self) }
    try expectEqual(arena.whole, [3], [7, 7, 7])
  }

  @Test("A launch that cannot be made leaves the arena as it was")
  func refusedLaunch() throws {
    let watched = WatchedBackend()
    let here = Setting(watched.device, .float64)
    let arena = arena([1, 2, 3], here)
    watched.refuse { call, _ in call == .map }
    let failure = Arena.update([.init(arena, to: 7)], from: [.arena(arena)])
    #expect(failure as? WatchedBackend.Refusal == .init(call: .map))
    watched.refuseNothing()
    try expectEqual(arena.whole, [3], [1, 2, 3])
  }
}

extension Double {
  fileprivate var expression: Expression { .constant(self) }
}
