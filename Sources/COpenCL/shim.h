// The OpenCL 3.0 headers; which functions a device supports is asked at run time.
// clCreateCommandQueue, deprecated in 2.0, is the one way to make a queue that every version has.
#define CL_TARGET_OPENCL_VERSION 300
#define CL_USE_DEPRECATED_OPENCL_1_2_APIS
#include <CL/cl.h>
#include <CL/cl_ext.h>
