import COpenCL

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Memory of this process for buffers of processors.
///
/// Kernels that walk down the columns of a matrix touch another page with each row. Processors keep
/// the places of a few dozen pages at hand, and of some thousand near, so pages of 2 MB instead of
/// 4 KB make them faster, and the first touch of fresh memory too.
enum HostMemory {
  /// The length of a huge page.
  static let hugePage = 1 << 21

  /// Memory that begins with a huge page; nil if there is none, or no bytes are asked for.
  static func allocate(_ bytes: Int) -> UnsafeMutableRawPointer? {
    var memory: UnsafeMutableRawPointer?
    guard bytes > 0, posix_memalign(&memory, hugePage, bytes) == 0 else { return nil }
    #if os(Linux)
      // Only advice: a system without huge pages goes on with small ones.
      madvise(memory, bytes, MADV_HUGEPAGE)
    #endif
    return memory
  }

  /// Gives memory back.
  static func deallocate(_ memory: UnsafeMutableRawPointer?) { free(memory) }
}
