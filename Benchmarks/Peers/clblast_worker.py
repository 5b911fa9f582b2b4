"""CLBlast on the first OpenCL device."""

import ctypes
import ctypes.util

import numpy as np
import pyopencl as cl

from worker import Skipped, matmul_arguments, serve

ROW_MAJOR, NOT_TRANSPOSED, TRANSPOSED = 101, 111, 112

context = cl.Context([cl.get_platforms()[0].get_devices()[0]])
queue = cl.CommandQueue(context)
library = ctypes.CDLL(ctypes.util.find_library("clblast") or "libclblast.so.1")


def prepare(kind, arguments):
    if kind != "matmul":
        raise Skipped("CLBlast has no gradients")
    m, k, n, a_transposed, b_transposed = matmul_arguments(arguments)

    def buffer(count):
        values = np.random.default_rng(0).standard_normal(count, dtype=np.float32)
        flags = cl.mem_flags.READ_WRITE | cl.mem_flags.COPY_HOST_PTR
        return cl.Buffer(context, flags, hostbuf=values)

    a, b, output = buffer(m * k), buffer(k * n), buffer(m * n)
    size, pointer = ctypes.c_size_t, ctypes.c_void_p
    queue_pointer = pointer(queue.int_ptr)

    def run():
        status = library.CLBlastSgemm(
            ROW_MAJOR, TRANSPOSED if a_transposed else NOT_TRANSPOSED,
            TRANSPOSED if b_transposed else NOT_TRANSPOSED, size(m), size(n), size(k),
            ctypes.c_float(1), pointer(a.int_ptr), size(0), size(m if a_transposed else k),
            pointer(b.int_ptr), size(0), size(k if b_transposed else n), ctypes.c_float(0),
            pointer(output.int_ptr), size(0), size(n), ctypes.byref(queue_pointer), None)
        if status != 0:
            raise RuntimeError(f"CLBlastSgemm returned {status}")

    return run


serve("CLBlast", prepare, lambda result: queue.finish())
