// What a device can do at most, for the figures of other kernels to be held to.
//
// VECTOR  The type of a chain: a vector as wide as the device's registers on CPU devices, float on
//         GPUs.
// CHAINS  The independent chains of a work-item: enough to hide the latency of an fma, few enough
//         to stay in registers.
// GROUP_SIZE  The size of a work-group.

#include "common.clh"

#ifndef VECTOR
#define VECTOR float16
#endif
#ifndef CHAINS
#define CHAINS 16
#endif
#ifndef GROUP_SIZE
#define GROUP_SIZE 1
#endif

// Work size: any multiple of the work-group.
// A work-item adds `rounds` products to each of its chains, and writes their sum.
// Memory: one vector is written by each work-item.
#if WANTED(fma_ceiling)
KERNEL(GROUP_SIZE, 1)
void fma_ceiling(__global VECTOR *output, const float factor, const INDEX rounds WORK_ITEM) {
  VECTOR chains[CHAINS];
  UNROLL for (uint c = 0; c < CHAINS; ++c) chains[c] = (VECTOR)(factor * (float)c);
  for (INDEX round = 0; round < rounds; ++round) {
    UNROLL for (uint c = 0; c < CHAINS; ++c)
      chains[c] = fma(chains[c], (VECTOR)factor, (VECTOR)factor);
  }
  VECTOR sum = chains[0];
  UNROLL for (uint c = 1; c < CHAINS; ++c) sum += chains[c];
  output[get_global_id(0)] = sum;
}
#endif

// Work size: the number of vectors in either buffer.
// A work-item copies one.
// Memory: each buffer is gone through once.
#if WANTED(copy_ceiling)
KERNEL(GROUP_SIZE, 1)
void copy_ceiling(__global const VECTOR *input, __global VECTOR *output WORK_ITEM) {
  output[get_global_id(0)] = input[get_global_id(0)];
}
#endif
