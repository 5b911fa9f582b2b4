import Compute
import Foundation
import OpenCLBackend
import OpenCLRuntime
import Testing

@Suite(.enabled(if: hasDevice, "no OpenCL device")) struct RandomTests {
  private static let counts = [0, 1, 2, 3, 4, 5, 17, 31, 33, 64, 65, 127, 129, 257, 5000]
  private static let keys = [
    RandomKey(seed: 0), RandomKey(seed: .max), RandomKey(seed: 7)["0.weight"][42],
  ]

  @Test(arguments: Setting.own)
  func uniformBits(setting: Setting) throws {
    for key in Self.keys {
      for count in Self.counts {
        let result = try Comparison(
          on: setting.target, [], into: [HostView([count], setting.dtype)], "\(count)"
        ) { backend, _, outputs in
          try backend.random(.uniform, key: key, into: outputs[0])
        }
        result.expectReferenceBits()
      }
    }
  }

  /// Box–Muller of the same uniform numbers, in Float64 from its formula.
  @Test(arguments: Setting.own)
  func normalNumbers(setting: Setting) throws {
    for key in Self.keys {
      for count in Self.counts {
        let result = try Comparison(
          on: setting.target, [], into: [HostView([count], setting.dtype)]
        ) { backend, _, outputs in
          try backend.random(.normal, key: key, into: outputs[0])
        }
        let perBlock = setting.dtype == .float64 ? 2 : 4
        for (position, value) in result.outputs[0].device.enumerated() {
          let words = key.block(UInt64(position / perBlock))
          let place = position % perBlock
          let (first, second): (Double, Double) =
            if setting.dtype == .float64 {
              (unit(words.x, words.y), unit(words.z, words.w))
            } else {
              (unit(words[place & 2]), unit(words[place & 2 + 1]))
            }
          let step = setting.dtype == .float64 ? 0x1p-53 : 0x1p-24
          let radius = (-2 * log(first + step)).squareRoot()
          let turn = 2 * Double.pi * second
          let expected = radius * (place.isMultiple(of: 2) ? cos(turn) : sin(turn))
          // log has 3 units, which the root halves, √ has 3, the product half a one, and the
          // circular functions 4 of their own; near 0 and 1 the formula here is off by ε too.
          let error = abs(value - expected) / (12 * setting.dtype.epsilon * max(1, radius))
          #expect(error <= 1, "\(count) at \(position): \(value) instead of \(expected)")
        }
      }
    }
  }

  private func unit(_ word: UInt32) -> Double { Double(word >> 8) * 0x1p-24 }
  private func unit(_ low: UInt32, _ high: UInt32) -> Double {
    Double((UInt64(high) << 32 | UInt64(low)) >> 11) * 0x1p-53
  }

  /// The known answers of the authors' library Random123 (kat_vectors, philox4x32 10).
  @Test(arguments: Target.devices)
  func knownAnswers(device: OpenCLDevice) throws {
    let folder = try #require(KernelSources.folder)
    let source = try ProgramSource(
      name: "answers.cl",
      text: """
        #include "philox.clh"
        kernel void answers(global const uint *in, global uint *out) {
          const size_t i = get_global_id(0);
          const struct philox_blocks counter = {in[6 * i], in[6 * i + 1], in[6 * i + 2], in[6 * i + 3]};
          const struct philox_blocks words = philox(counter, vload2(0, in + 6 * i + 4));
          vstore4((uint4)(words.x, words.y, words.z, words.w), i, out);
        }
        """,
      resolvingIncludes: { try String(contentsOfFile: "\(folder)/\($0)", encoding: .utf8) })
    let questions: [[UInt32]] = [
      [0, 0, 0, 0, 0, 0], [UInt32](repeating: .max, count: 6),
      [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344, 0xa409_3822, 0x299f_31d0],
    ]
    let answers: [[UInt32]] = [
      [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8],
      [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd],
      [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1],
    ]
    let context = try Context(device)
    let queue = try Queue(context)
    let kernel = try Kernel<Buffer, Buffer>(Program(context, source: source), "answers")
    let input = try Buffer(context, copying: questions.flatMap { $0 })
    let output = try Buffer(context, bytes: 48)
    try queue.enqueue(kernel, input, output, global: [3], local: [1])
    #expect(try queue.read(output) == answers.flatMap { $0 })
  }
}
