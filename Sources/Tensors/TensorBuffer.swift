import Compute
import Synchronization

/// The storage behind tensors, which a writer may exchange for a copy.
///
/// Tensors never change. Where parameters are updated in place, whoever still holds a tensor on
/// the old values is first moved to a copy: the tensors share this box, and the copy takes the
/// original's place inside it.
package final class TensorBuffer: Sendable {
  private let state: Mutex<Storage>

  init(_ storage: Storage) { state = Mutex(storage) }

  /// The bytes that tensors on this buffer read.
  var storage: Storage { state.withLock { $0 } }

  /// Lets the tensors on this buffer read other bytes of the same contents.
  func move(to copy: Storage) { state.withLock { $0 = copy } }
}
