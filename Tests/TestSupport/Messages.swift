public import Testing

/// Expects a process to have said something on its standard error before it stopped.
public func expectMessage(
  _ result: ExitTest.Result?, _ text: String, sourceLocation: SourceLocation = #_sourceLocation
) {
  let message = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
  #expect(message.contains(text), "\(message)", sourceLocation: sourceLocation)
}
