import Compute
import NeuralNetworks
import Tensors
import TestSupport
import Testing

@Suite struct ParameterTests {
  private final class Pair: Module {
    @Parameter(shape: [2], initializer: .zeros) var first: Tensor
    @Parameter(shape: [3], initializer: .ones) var second: Tensor
    @RunningState(shape: [2], startingValue: 4) var state: Tensor
    @RunningState(shape: .scalar, dtype: .int64, startingValue: 9) var count: Tensor
  }

  private func pair(_ setting: Setting) -> Pair {
    let pair = Pair()
    pair.initialize(seed: 1, on: setting.device, dtype: setting.dtype)
    return pair
  }

  @Test(
    "A parameter has the model's dtype, and a state its own if it says so", arguments: Setting.all)
  func dtypes(setting: Setting) throws {
    let pair = pair(setting)
    #expect(pair.first.dtype == setting.dtype)
    #expect(pair.first.device == setting.device)
    #expect(pair.state.dtype == setting.dtype)
    #expect(pair.count.dtype == .int64)
    try expectEqual(pair.state, [2], [4, 4])
    try expectEqual(pair.count, [], [9])
    #expect(pair.$first.path == "first")
    #expect(pair.$second.shape == [3])
  }

  @Test("Assigning replaces one's own values, and no one else's", arguments: Setting.all)
  func assignment(setting: Setting) throws {
    let pair = pair(setting)
    let held = pair.first
    let heldState = pair.state
    pair.$first.assign(setting.tensor([5, 6]))
    pair.$state.assign(setting.tensor([7, 8]))
    try expectEqual(pair.first, [2], [5, 6])
    try expectEqual(pair.$first.value, [2], [5, 6])
    try expectEqual(pair.second, [3], [1, 1, 1])
    try expectEqual(pair.state, [2], [7, 8])
    try expectEqual(pair.count, [], [9])
    try expectEqual(held, [2], [0, 0])
    try expectEqual(heldState, [2], [4, 4])
    // Of another dtype, the values are converted.
    pair.$first.assign(Tensor([1, 2], dtype: .int32, on: setting.device))
    #expect(pair.first.dtype == setting.dtype)
    try expectEqual(pair.first, [2], [1, 2])
  }

  @Test("Values that failed fail the parameter they are assigned to")
  func failedAssignment() throws {
    let watched = WatchedBackend()
    let pair = pair(Setting(watched.device, .float32))
    watched.refuse { call, _ in call == .allocate }
    let failed = Tensor.ones([2], on: watched.device)
    watched.refuseNothing()
    pair.$first.assign(failed)
    #expect(throws: WatchedBackend.Refusal(call: .allocate)) {
      try pair.first.array(of: Float.self)
    }
    pair.$state.assign(failed)
    #expect(throws: WatchedBackend.Refusal(call: .allocate)) {
      try pair.state.array(of: Float.self)
    }
    #expect(throws: WatchedBackend.Refusal(call: .allocate)) { try pair.savedState() }
  }

  @Test("Other values stand in for the parameters, and leave no trace", arguments: Setting.all)
  func substitution(setting: Setting) throws {
    let pair = pair(setting)
    let inside = pair.substituting([setting.tensor([2, 3]), setting.tensor([4, 5, 6])]) {
      pair.first * 10
    }
    try expectEqual(inside, [2], [20, 30])
    try expectEqual(pair.first, [2], [0, 0])
    try expectEqual(pair.second, [3], [1, 1, 1])
  }
}
