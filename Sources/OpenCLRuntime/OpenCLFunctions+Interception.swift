extension OpenCLFunctions {
  /// This table with a closure asked before each call, for counting calls and injecting faults.
  ///
  /// If the closure returns a status, OpenCL is not called: the call fails with that status. If it
  /// returns nil, the call is made. The closure may be called from several threads at once.
  public func intercepted(
    by intercept: @escaping @Sendable (OpenCLCall) -> OpenCLStatus?
  ) -> OpenCLFunctions {
    let hook = Hook(intercept: intercept)
    return OpenCLFunctions(
      clGetPlatformIDs: hook.status(.clGetPlatformIDs, clGetPlatformIDs),
      clGetPlatformInfo: hook.status(.clGetPlatformInfo, clGetPlatformInfo),
      clGetDeviceIDs: hook.status(.clGetDeviceIDs, clGetDeviceIDs),
      clGetDeviceInfo: hook.status(.clGetDeviceInfo, clGetDeviceInfo),
      clCreateContext: {
        hook.refuses(.clCreateContext, $3) ? nil : clCreateContext($0, $1, $2, $3)
      },
      clReleaseContext: hook.status(.clReleaseContext, clReleaseContext),
      clCreateCommandQueue: {
        hook.refuses(.clCreateCommandQueue, $3) ? nil : clCreateCommandQueue($0, $1, $2, $3)
      },
      clReleaseCommandQueue: hook.status(.clReleaseCommandQueue, clReleaseCommandQueue),
      clFlush: hook.status(.clFlush, clFlush),
      clFinish: hook.status(.clFinish, clFinish),
      clCreateBuffer: {
        hook.refuses(.clCreateBuffer, $4) ? nil : clCreateBuffer($0, $1, $2, $3, $4)
      },
      clCreateSubBuffer: {
        hook.refuses(.clCreateSubBuffer, $4) ? nil : clCreateSubBuffer($0, $1, $2, $3, $4)
      },
      clReleaseMemObject: hook.status(.clReleaseMemObject, clReleaseMemObject),
      clSetMemObjectDestructorCallback: hook.status(
        .clSetMemObjectDestructorCallback, clSetMemObjectDestructorCallback),
      clEnqueueReadBuffer: hook.status(.clEnqueueReadBuffer, clEnqueueReadBuffer),
      clEnqueueWriteBuffer: hook.status(.clEnqueueWriteBuffer, clEnqueueWriteBuffer),
      clEnqueueCopyBuffer: hook.status(.clEnqueueCopyBuffer, clEnqueueCopyBuffer),
      clEnqueueFillBuffer: hook.status(.clEnqueueFillBuffer, clEnqueueFillBuffer),
      clCreateProgramWithSource: {
        hook.refuses(.clCreateProgramWithSource, $4)
          ? nil : clCreateProgramWithSource($0, $1, $2, $3, $4)
      },
      clCreateProgramWithBinary: {
        hook.refuses(.clCreateProgramWithBinary, $6)
          ? nil : clCreateProgramWithBinary($0, $1, $2, $3, $4, $5, $6)
      },
      clReleaseProgram: hook.status(.clReleaseProgram, clReleaseProgram),
      clBuildProgram: hook.status(.clBuildProgram, clBuildProgram),
      clCompileProgram: hook.status(.clCompileProgram, clCompileProgram),
      clLinkProgram: {
        hook.refuses(.clLinkProgram, $6) ? nil : clLinkProgram($0, $1, $2, $3, $4, $5, $6)
      },
      clGetProgramInfo: hook.status(.clGetProgramInfo, clGetProgramInfo),
      clGetProgramBuildInfo: hook.status(.clGetProgramBuildInfo, clGetProgramBuildInfo),
      clCreateKernel: {
        hook.refuses(.clCreateKernel, $2) ? nil : clCreateKernel($0, $1, $2)
      },
      clReleaseKernel: hook.status(.clReleaseKernel, clReleaseKernel),
      clGetKernelInfo: hook.status(.clGetKernelInfo, clGetKernelInfo),
      clGetKernelWorkGroupInfo: hook.status(.clGetKernelWorkGroupInfo, clGetKernelWorkGroupInfo),
      clSetKernelArg: hook.status(.clSetKernelArg, clSetKernelArg),
      clEnqueueNDRangeKernel: hook.status(.clEnqueueNDRangeKernel, clEnqueueNDRangeKernel),
      clEnqueueMarkerWithWaitList: hook.status(
        .clEnqueueMarkerWithWaitList, clEnqueueMarkerWithWaitList),
      clWaitForEvents: hook.status(.clWaitForEvents, clWaitForEvents),
      clReleaseEvent: hook.status(.clReleaseEvent, clReleaseEvent),
      clGetEventInfo: hook.status(.clGetEventInfo, clGetEventInfo),
      clGetEventProfilingInfo: hook.status(.clGetEventProfilingInfo, clGetEventProfilingInfo)
    )
  }

  /// Puts the question before a function of either of OpenCL's two shapes.
  private struct Hook: Sendable {
    let intercept: @Sendable (OpenCLCall) -> OpenCLStatus?

    /// A function that returns its status.
    func status<each Argument>(
      _ call: OpenCLCall, _ function: @escaping @Sendable (repeat each Argument) -> Int32
    ) -> @Sendable (repeat each Argument) -> Int32 {
      { [intercept] (argument: repeat each Argument) in
        intercept(call)?.rawValue ?? function(repeat each argument)
      }
    }

    /// For a function that returns an object and writes its status: whether it is not to be called.
    func refuses(_ call: OpenCLCall, _ status: StatusResult) -> Bool {
      guard let injected = intercept(call) else { return false }
      status?.pointee = injected.rawValue
      return true
    }
  }
}
