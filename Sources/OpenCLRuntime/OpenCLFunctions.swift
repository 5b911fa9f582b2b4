import COpenCL

/// The OpenCL functions through which everything in this library goes, as a table that can be
/// replaced.
///
/// Each entry has its C function's name and signature; callbacks that this library does not use are
/// left out. A table is given to ``Platform/all(through:counting:)`` and stays with every object
/// that comes from there.
public struct OpenCLFunctions: Sendable {
  // The signatures have many parts in common.

  /// An OpenCL object, or an array of platforms, devices or events.
  public typealias Object = OpaquePointer?
  /// Objects that a function reads.
  public typealias Objects = UnsafePointer<OpaquePointer?>?
  /// Objects that a function writes.
  public typealias ObjectResults = UnsafeMutablePointer<OpaquePointer?>?
  /// Where a creating function writes its status.
  public typealias StatusResult = UnsafeMutablePointer<Int32>?
  /// The signature of clGet…Info: object, parameter, bytes available, value, bytes written.
  public typealias GetInfo =
    @Sendable (Object, UInt32, Int, UnsafeMutableRawPointer?, UnsafeMutablePointer<Int>?) -> Int32
  /// The signature of clGet…Info of an object on a device.
  public typealias GetDeviceSpecificInfo =
    @Sendable (
      Object, Object, UInt32, Int, UnsafeMutableRawPointer?, UnsafeMutablePointer<Int>?
    ) -> Int32
  /// The signature of clRelease… and of what else takes an object alone.
  public typealias Unary = @Sendable (Object) -> Int32

  // Platforms and devices.

  /// clGetPlatformIDs.
  public var clGetPlatformIDs:
    @Sendable (UInt32, ObjectResults, UnsafeMutablePointer<UInt32>?) -> Int32
  /// clGetPlatformInfo.
  public var clGetPlatformInfo: GetInfo
  /// clGetDeviceIDs.
  public var clGetDeviceIDs:
    @Sendable (Object, UInt64, UInt32, ObjectResults, UnsafeMutablePointer<UInt32>?) -> Int32
  /// clGetDeviceInfo.
  public var clGetDeviceInfo: GetInfo

  // Contexts and queues.

  /// clCreateContext, without a callback.
  public var clCreateContext:
    @Sendable (UnsafePointer<Int>?, UInt32, Objects, StatusResult) -> Object
  /// clReleaseContext.
  public var clReleaseContext: Unary
  /// clCreateCommandQueue: the one way to make a queue that every version from 1.2 to 3.0 has.
  public var clCreateCommandQueue: @Sendable (Object, Object, UInt64, StatusResult) -> Object
  /// clReleaseCommandQueue.
  public var clReleaseCommandQueue: Unary
  /// clFlush.
  public var clFlush: Unary
  /// clFinish.
  public var clFinish: Unary

  // Buffers.

  /// clCreateBuffer.
  public var clCreateBuffer:
    @Sendable (Object, UInt64, Int, UnsafeMutableRawPointer?, StatusResult) -> Object
  /// clCreateSubBuffer.
  public var clCreateSubBuffer:
    @Sendable (Object, UInt64, UInt32, UnsafeRawPointer?, StatusResult) -> Object
  /// clReleaseMemObject.
  public var clReleaseMemObject: Unary
  /// clSetMemObjectDestructorCallback.
  public var clSetMemObjectDestructorCallback:
    @Sendable (
      Object, (@convention(c) (Object, UnsafeMutableRawPointer?) -> Void)?,
      UnsafeMutableRawPointer?
    ) -> Int32
  /// clEnqueueReadBuffer.
  public var clEnqueueReadBuffer:
    @Sendable (
      Object, Object, UInt32, Int, Int, UnsafeMutableRawPointer?, UInt32, Objects, ObjectResults
    ) -> Int32
  /// clEnqueueWriteBuffer.
  public var clEnqueueWriteBuffer:
    @Sendable (
      Object, Object, UInt32, Int, Int, UnsafeRawPointer?, UInt32, Objects, ObjectResults
    ) -> Int32
  /// clEnqueueCopyBuffer.
  public var clEnqueueCopyBuffer:
    @Sendable (
      Object, Object, Object, Int, Int, Int, UInt32, Objects, ObjectResults
    ) -> Int32
  /// clEnqueueFillBuffer.
  public var clEnqueueFillBuffer:
    @Sendable (
      Object, Object, UnsafeRawPointer?, Int, Int, Int, UInt32, Objects, ObjectResults
    ) -> Int32

  // Programs.

  /// clCreateProgramWithSource.
  public var clCreateProgramWithSource:
    @Sendable (
      Object, UInt32, UnsafeMutablePointer<UnsafePointer<CChar>?>?, UnsafePointer<Int>?,
      StatusResult
    ) -> Object
  /// clCreateProgramWithBinary.
  public var clCreateProgramWithBinary:
    @Sendable (
      Object, UInt32, Objects, UnsafePointer<Int>?,
      UnsafeMutablePointer<UnsafePointer<UInt8>?>?, UnsafeMutablePointer<Int32>?, StatusResult
    ) -> Object
  /// clReleaseProgram.
  public var clReleaseProgram: Unary
  /// clBuildProgram, without a callback.
  public var clBuildProgram: @Sendable (Object, UInt32, Objects, UnsafePointer<CChar>?) -> Int32
  /// clCompileProgram, without headers and callback.
  public var clCompileProgram: @Sendable (Object, UInt32, Objects, UnsafePointer<CChar>?) -> Int32
  /// clLinkProgram, without a callback.
  public var clLinkProgram:
    @Sendable (
      Object, UInt32, Objects, UnsafePointer<CChar>?, UInt32, Objects, StatusResult
    ) -> Object
  /// clGetProgramInfo.
  public var clGetProgramInfo: GetInfo
  /// clGetProgramBuildInfo.
  public var clGetProgramBuildInfo: GetDeviceSpecificInfo

  // Kernels.

  /// clCreateKernel.
  public var clCreateKernel: @Sendable (Object, UnsafePointer<CChar>?, StatusResult) -> Object
  /// clReleaseKernel.
  public var clReleaseKernel: Unary
  /// clGetKernelInfo.
  public var clGetKernelInfo: GetInfo
  /// clGetKernelWorkGroupInfo.
  public var clGetKernelWorkGroupInfo: GetDeviceSpecificInfo
  /// clSetKernelArg.
  public var clSetKernelArg: @Sendable (Object, UInt32, Int, UnsafeRawPointer?) -> Int32
  /// clEnqueueNDRangeKernel.
  public var clEnqueueNDRangeKernel:
    @Sendable (
      Object, Object, UInt32, UnsafePointer<Int>?, UnsafePointer<Int>?, UnsafePointer<Int>?,
      UInt32, Objects, ObjectResults
    ) -> Int32

  // Events.

  /// clEnqueueMarkerWithWaitList.
  public var clEnqueueMarkerWithWaitList:
    @Sendable (Object, UInt32, Objects, ObjectResults) -> Int32
  /// clWaitForEvents.
  public var clWaitForEvents: @Sendable (UInt32, Objects) -> Int32
  /// clReleaseEvent.
  public var clReleaseEvent: Unary
  /// clGetEventInfo.
  public var clGetEventInfo: GetInfo
  /// clGetEventProfilingInfo.
  public var clGetEventProfilingInfo: GetInfo

  /// The functions of the OpenCL library that the program is linked with.
  public static let system = OpenCLFunctions(
    clGetPlatformIDs: COpenCL.clGetPlatformIDs,
    clGetPlatformInfo: COpenCL.clGetPlatformInfo,
    clGetDeviceIDs: COpenCL.clGetDeviceIDs,
    clGetDeviceInfo: COpenCL.clGetDeviceInfo,
    clCreateContext: { COpenCL.clCreateContext($0, $1, $2, nil, nil, $3) },
    clReleaseContext: COpenCL.clReleaseContext,
    clCreateCommandQueue: COpenCL.clCreateCommandQueue,
    clReleaseCommandQueue: COpenCL.clReleaseCommandQueue,
    clFlush: COpenCL.clFlush,
    clFinish: COpenCL.clFinish,
    clCreateBuffer: COpenCL.clCreateBuffer,
    clCreateSubBuffer: COpenCL.clCreateSubBuffer,
    clReleaseMemObject: COpenCL.clReleaseMemObject,
    clSetMemObjectDestructorCallback: COpenCL.clSetMemObjectDestructorCallback,
    clEnqueueReadBuffer: COpenCL.clEnqueueReadBuffer,
    clEnqueueWriteBuffer: COpenCL.clEnqueueWriteBuffer,
    clEnqueueCopyBuffer: COpenCL.clEnqueueCopyBuffer,
    clEnqueueFillBuffer: COpenCL.clEnqueueFillBuffer,
    clCreateProgramWithSource: COpenCL.clCreateProgramWithSource,
    clCreateProgramWithBinary: COpenCL.clCreateProgramWithBinary,
    clReleaseProgram: COpenCL.clReleaseProgram,
    clBuildProgram: { COpenCL.clBuildProgram($0, $1, $2, $3, nil, nil) },
    clCompileProgram: { COpenCL.clCompileProgram($0, $1, $2, $3, 0, nil, nil, nil, nil) },
    clLinkProgram: { COpenCL.clLinkProgram($0, $1, $2, $3, $4, $5, nil, nil, $6) },
    clGetProgramInfo: COpenCL.clGetProgramInfo,
    clGetProgramBuildInfo: COpenCL.clGetProgramBuildInfo,
    clCreateKernel: COpenCL.clCreateKernel,
    clReleaseKernel: COpenCL.clReleaseKernel,
    clGetKernelInfo: COpenCL.clGetKernelInfo,
    clGetKernelWorkGroupInfo: COpenCL.clGetKernelWorkGroupInfo,
    clSetKernelArg: COpenCL.clSetKernelArg,
    clEnqueueNDRangeKernel: COpenCL.clEnqueueNDRangeKernel,
    clEnqueueMarkerWithWaitList: COpenCL.clEnqueueMarkerWithWaitList,
    clWaitForEvents: COpenCL.clWaitForEvents,
    clReleaseEvent: COpenCL.clReleaseEvent,
    clGetEventInfo: COpenCL.clGetEventInfo,
    clGetEventProfilingInfo: COpenCL.clGetEventProfilingInfo
  )
}
