/// Traps with a message unless a condition holds.
///
/// `precondition` prints its message in debug builds only; a programmer's error deserves it in all.
func require(
  _ condition: @autoclosure () -> Bool, _ message: @autoclosure () -> String,
  file: StaticString = #fileID, line: UInt = #line
) {
  if !condition() { fatalError(message(), file: file, line: line) }
}
