public import Foundation

/// The arrays of a `.npz` file, as NumPy's `savez` and `savez_compressed` write it.
///
/// It is a zip archive of `.npy` files; see ``NumPyArray`` for what these may hold.
public struct NumPyArchive: Sendable {
  /// The file, as errors name it.
  public let file: String
  /// The names of the arrays, in the order in which they were saved.
  public let names: [String]
  private let archive: ZipArchive

  private static let suffix = ".npy"

  /// Reads a file; throws a ``DataError`` when it cannot be read or is malformed.
  ///
  /// The arrays are read when they are asked for.
  public init(contentsOf url: URL) throws {
    try self.init(readData(url, options: .mappedIfSafe), file: url.relativePath)
  }

  /// Reads the bytes of a file, which errors call by the name given.
  ///
  /// Throws a ``DataError`` when they are malformed.
  public init(_ data: Data, file: String) throws {
    do throws(ArrayFileProblem) {
      archive = try ZipArchive(data)
    } catch {
      throw DataError(file: file, problem: .array(error))
    }
    self.file = file
    names = archive.members.filter { $0.name.hasSuffix(Self.suffix) }
      .map { String($0.name.dropLast(Self.suffix.count)) }
  }

  /// Reads an array; throws a ``DataError`` when there is none of the name, or it is malformed.
  public func array(_ name: String) throws -> NumPyArray {
    guard let member = archive.members.first(where: { $0.name == name + Self.suffix }) else {
      throw DataError(file: file, problem: .array(.noSuchArray(name, names: names)))
    }
    do throws(ArrayFileProblem) {
      return try NumPyArray(parsing: archive.contents(of: member))
    } catch {
      throw DataError(file: file, problem: .member(name, error))
    }
  }
}
