/// A device that computes: what the tensors above it may ask, family by family.
///
/// A backend knows neither tensors nor gradients. Every launch is asynchronous and in order:
/// reading alone waits. Views of zero elements are legal everywhere and launch nothing. A method
/// throws when its launch could not be made, and then nothing was written; a failure that the
/// driver reports later fails every storage written since the last successful wait.
public protocol Backend: AnyObject, MemoryBackend, PointwiseBackend, ReductionBackend,
  MatMulBackend, ConvolutionBackend, PoolingBackend, NormalizationBackend, ClassLossBackend,
  IndexingBackend, RandomBackend, RecordingBackend, CeilingsBackend, TuningBackend, Sendable
{
  /// The device's name, as `apus devices` prints it.
  var name: String { get }

  /// Whether tensors of this type can be made and computed with on the device.
  func supports(_ dtype: DType) -> Bool
}
