/// Stops the program with a message unless a condition holds.
///
/// For a programmer's error: a wrong shape, two devices in one operation. Unlike `precondition`,
/// it says what was wrong in release builds too.
package func require(
  _ condition: Bool, _ message: @autoclosure () -> String,
  file: StaticString = #fileID, line: UInt = #line
) {
  if !condition { fatalError(message(), file: file, line: line) }
}
