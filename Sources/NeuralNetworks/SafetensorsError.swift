public import Compute
import Foundation

/// Why a safetensors file could not be read or written.
public struct SafetensorsError: Error, Hashable, Sendable, CustomStringConvertible {
  /// Everything that can be wrong; offsets of data count from the end of the header.
  public enum Problem: Error, Hashable, Sendable {
    /// The file system did not give the file.
    case unreadable(reason: String)
    /// The file system did not take the file.
    case unwritable(reason: String)
    /// The file is too short for the length of a header.
    case noHeaderLength(fileByteCount: Int)
    /// The header claims to be longer than any header may be.
    case headerOverLimit(length: UInt64)
    /// The header claims to be longer than the file.
    case headerTruncated(length: Int, available: Int)
    /// The header does not begin with `{`.
    case headerNotAnObject
    /// The header is not text.
    case headerNotUTF8
    /// The header is not JSON of the expected form.
    case headerSyntax(offset: Int, expected: String)
    /// A key occurs twice; the owner is the object that it is in, nil for the header itself.
    case duplicateKey(String, owner: String?)
    /// `__metadata__`, or what it says under a key, is of the wrong type.
    case metadataNotStrings(key: String?)
    /// What stands under an array's name is not an object.
    case entryNotAnObject(array: String)
    /// A field of an array is not there.
    case missingField(array: String, field: String)
    /// An array has a field that the format does not know.
    case unknownField(array: String, field: String)
    /// The dtype of an array is not a string.
    case dtypeNotAString(array: String)
    /// The dtype of an array is none of those that can be held.
    case unknownDType(array: String, dtype: String)
    /// The shape of an array is not a list of whole numbers.
    case malformedShape(array: String)
    /// The offsets of an array are not two whole numbers.
    case malformedOffsets(array: String)
    /// The data of an array ends before it begins.
    case reversedOffsets(array: String, begin: Int, end: Int)
    /// The size of an array does not fit 64 bits.
    case shapeOverflow(array: String, dtype: String, dimensions: [Int])
    /// The data of an array has not the size of its shape.
    case sizeMismatch(array: String, dtype: String, shape: Shape, expected: Int, found: Int)
    /// The data of an array begins before that of another ends.
    case overlap(array: String, begin: Int, other: String, otherEnd: Int)
    /// Bytes before an array belong to none.
    case hole(array: String, begin: Int, expected: Int)
    /// The data of an array ends after the file.
    case dataTruncated(array: String, end: Int, dataByteCount: Int)
    /// Bytes after the last array belong to none.
    case dataLeftOver(used: Int, dataByteCount: Int)
    /// An element of an array of booleans is neither 0 nor 1.
    case notABoolean(array: String, position: Int, value: UInt8)
    /// An element of an array of unsigned integers is above the greatest int64.
    case integerTooLarge(array: String, position: Int, value: UInt64)
  }

  /// The file, as it was named by the caller.
  public let file: String
  /// What is wrong with it.
  public let problem: Problem

  /// Creates an error.
  public init(file: String, problem: Problem) {
    self.file = file
    self.problem = problem
  }

  /// One line: the file, the array if it is about one, what is wrong and what would be right.
  public var description: String { "\(file): \(problem)" }
}

extension SafetensorsError.Problem: CustomStringConvertible {
  /// What is wrong and what would be right, in one line.
  public var description: String {
    switch self {
    case .unreadable(let reason): "cannot be read: \(reason)"
    case .unwritable(let reason): "cannot be written: \(reason)"
    case .noHeaderLength(let count):
      "the file has \(count) bytes; its first 8 must hold the length of its header"
    case .headerOverLimit(let length):
      "the header is said to have \(length) bytes; at most \(Safetensors.headerLimit) are allowed "
        + "(is this a safetensors file?)"
    case .headerTruncated(let length, let available):
      "the header is said to have \(length) bytes, but only \(available) follow"
    case .headerNotAnObject: "the header must be a JSON object and begin with '{'"
    case .headerNotUTF8: "the header must be UTF-8"
    case .headerSyntax(let offset, let expected):
      "byte \(offset) of the header: expected \(expected)"
    case .duplicateKey(let key, nil): "\(quoted(key)) occurs twice in the header"
    case .duplicateKey(let key, let owner?): "\(quoted(owner)): \(quoted(key)) occurs twice"
    case .metadataNotStrings(nil): "\"__metadata__\" must be an object of strings"
    case .metadataNotStrings(let key?): "\"__metadata__\": \(quoted(key)) must be a string"
    case .entryNotAnObject(let array):
      "\(quoted(array)) must be an object with \"dtype\", \"shape\" and \"data_offsets\""
    case .missingField(let array, let field): "\(quoted(array)): \(quoted(field)) is missing"
    case .unknownField(let array, let field):
      "\(quoted(array)): unknown field \(quoted(field)); "
        + "there are \"dtype\", \"shape\" and \"data_offsets\""
    case .dtypeNotAString(let array): "\(quoted(array)): \"dtype\" must be a string"
    case .unknownDType(let array, let dtype):
      "\(quoted(array)): dtype \(quoted(dtype)) cannot be held; those that can are "
        + StoredElement.allCases.map(\.safetensorsName).joined(separator: ", ")
    case .malformedShape(let array):
      "\(quoted(array)): \"shape\" must be an array of whole numbers from 0"
    case .malformedOffsets(let array):
      "\(quoted(array)): \"data_offsets\" must be an array of two whole numbers from 0"
    case .reversedOffsets(let array, let begin, let end):
      "\(quoted(array)): its data begins at \(begin) and ends before that, at \(end)"
    case .shapeOverflow(let array, let dtype, let dimensions):
      "\(quoted(array)): shape \(dimensions) of \(dtype) is larger than any memory"
    case .sizeMismatch(let array, let dtype, let shape, let expected, let found):
      "\(quoted(array)): shape \(shape) of \(dtype) takes \(expected) bytes, "
        + "but its offsets span \(found)"
    case .overlap(let array, let begin, let other, let otherEnd):
      "\(quoted(array)): its data begins at \(begin), inside that of \(quoted(other)), "
        + "which ends at \(otherEnd)"
    case .hole(let array, let begin, let expected):
      "\(quoted(array)): its data begins at \(begin), but must begin at \(expected), "
        + "where the data before it ends"
    case .dataTruncated(let array, let end, let dataByteCount):
      "\(quoted(array)): its data ends at \(end), but the file has only \(dataByteCount) bytes "
        + "of data (is it truncated?)"
    case .dataLeftOver(let used, let dataByteCount):
      "the file has \(dataByteCount) bytes of data, but its arrays take only \(used)"
    case .notABoolean(let array, let position, let value):
      "\(quoted(array)): element \(position) of its booleans is \(value), neither 0 nor 1"
    case .integerTooLarge(let array, let position, let value):
      "\(quoted(array)): element \(position) is \(value), which does not fit int64"
    }
  }

  /// The name in quotes, with what would break the line escaped.
  private func quoted(_ name: String) -> String { String(reflecting: name) }
}

/// What the system says about a file that could not be read or written, such as "Is a directory".
package func fileErrorReason(_ error: any Error) -> String {
  // Foundation's own text says no more than "could not be completed" for most of them.
  guard let system = (error as? CocoaError)?.underlying as? POSIXError else {
    return error.localizedDescription
  }
  return String(cString: strerror(system.code.rawValue))
}
