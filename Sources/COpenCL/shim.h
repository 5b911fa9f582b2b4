// The OpenCL 3.0 headers; which functions a device supports is asked at run time.
#define CL_TARGET_OPENCL_VERSION 300
#include <CL/cl.h>
#include <CL/cl_ext.h>
