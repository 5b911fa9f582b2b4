import Compute
import Testing

@Suite struct WindowAxisTests {
  /// What an axis says of positions and taps is what follows from the elements under them.
  @Test func positionsAndTaps() {
    for input in [0, 1, 2, 5, 8] {
      for (kernel, stride) in [(1, 1), (1, 3), (2, 1), (3, 2), (4, 3)] {
        for (padding, dilation) in [(0, 1), (1, 1), (3, 1), (2, 3)] {
          for output in [0, 1, 4, 9] {
            let axis = WindowAxis(
              input: input, output: output, kernel: kernel, stride: stride, padding: padding,
              dilation: dilation)
            func isOnInput(_ position: Int, _ tap: Int) -> Bool {
              (0..<input).contains(axis.element(position: position, tap: tap))
            }
            for tap in 0..<kernel {
              #expect(
                Array(axis.positions(tap: tap)) == (0..<output).filter { isOnInput($0, tap) },
                "\(axis), tap \(tap)")
            }
            for position in 0..<output {
              #expect(
                Array(axis.taps(position: position))
                  == (0..<kernel).filter { isOnInput(position, $0) },
                "\(axis), position \(position)")
            }
          }
        }
      }
    }
  }

  @Test func extent() {
    #expect(WindowAxis(input: 9, output: 1, kernel: 1, dilation: 5).extent == 1)
    #expect(WindowAxis(input: 9, output: 3, kernel: 3, dilation: 3).extent == 7)
    #expect(
      WindowAxis(input: 9, output: 3, kernel: 3, padding: 2).element(position: 1, tap: 2) == 1)
  }
}
