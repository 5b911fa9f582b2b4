/// A clGet…Info function with its object: parameter, bytes available, value, bytes written.
typealias InfoQuery =
  (OpenCLFunctions, UInt32, Int, UnsafeMutableRawPointer?, UnsafeMutablePointer<Int>?) -> Int32

/// Asks one object for its properties.
struct InfoReader {
  let driver: Driver
  let call: OpenCLCall
  let subject: String
  let query: InfoQuery

  /// A value of fixed size.
  func value<Value: BitwiseCopyable>(
    _ parameter: Int32, _ initial: Value
  ) throws(OpenCLError) -> Value {
    var value = initial
    try driver.call(call, attempt(parameter)) {
      query($0, UInt32(parameter), MemoryLayout<Value>.size, &value, nil)
    }
    return value
  }

  /// As many values as there are.
  func array<Element: BitwiseCopyable>(
    _ parameter: Int32, of initial: Element
  ) throws(OpenCLError) -> [Element] {
    var bytes = 0
    try driver.call(call, attempt(parameter)) { query($0, UInt32(parameter), 0, nil, &bytes) }
    guard bytes > 0 else { return [] }
    var values = [Element](
      repeating: initial, count: bytes / MemoryLayout<Element>.stride)
    try driver.call(call, attempt(parameter)) { functions in
      values.withUnsafeMutableBytes {
        query(functions, UInt32(parameter), $0.count, $0.baseAddress, nil)
      }
    }
    return values
  }

  /// A C string, without the terminating zero and the spaces that some drivers put around it.
  func string(_ parameter: Int32) throws(OpenCLError) -> String {
    let bytes = try array(parameter, of: UInt8(0)).prefix { $0 != 0 }
    var text = String(decoding: bytes, as: UTF8.self).drop(while: \.isWhitespace)
    while text.last?.isWhitespace == true { text.removeLast() }
    return String(text)
  }

  /// A number of type cl_uint.
  func count(_ parameter: Int32) throws(OpenCLError) -> Int {
    Int(try value(parameter, UInt32(0)))
  }

  /// A number of type size_t.
  func size(_ parameter: Int32) throws(OpenCLError) -> Int {
    try value(parameter, 0)
  }

  /// A number of bytes of type cl_ulong, as large as Int can hold.
  func bytes(_ parameter: Int32) throws(OpenCLError) -> Int {
    Int(clamping: try value(parameter, UInt64(0)))
  }

  /// A cl_bool.
  func flag(_ parameter: Int32) throws(OpenCLError) -> Bool {
    try value(parameter, UInt32(0)) != 0
  }

  private func attempt(_ parameter: Int32) -> String {
    "asking \(subject) for parameter 0x\(String(UInt32(parameter), radix: 16))"
  }
}
