/// The OpenCL functions that this library calls, by their C names.
public enum OpenCLCall: String, CaseIterable, Sendable {
  // Platforms and devices.
  case clGetPlatformIDs, clGetPlatformInfo, clGetDeviceIDs, clGetDeviceInfo
  // Contexts and queues.
  case clCreateContext, clReleaseContext
  case clCreateCommandQueue, clReleaseCommandQueue, clFlush, clFinish
  // Buffers.
  case clCreateBuffer, clCreateSubBuffer, clReleaseMemObject, clSetMemObjectDestructorCallback
  case clEnqueueReadBuffer, clEnqueueWriteBuffer, clEnqueueCopyBuffer, clEnqueueFillBuffer
  // Programs.
  case clCreateProgramWithSource, clCreateProgramWithBinary, clReleaseProgram
  case clBuildProgram, clCompileProgram, clLinkProgram, clGetProgramInfo, clGetProgramBuildInfo
  // Kernels.
  case clCreateKernel, clReleaseKernel, clGetKernelInfo, clGetKernelWorkGroupInfo
  case clSetKernelArg, clEnqueueNDRangeKernel
  // Events.
  case clEnqueueMarkerWithWaitList, clWaitForEvents, clReleaseEvent
  case clGetEventInfo, clGetEventProfilingInfo
}
