// Random numbers that depend on the key, the draw and the element's position alone.
//
// NORMAL    Defined for numbers with mean 0 and variance 1, by the Box–Muller transform; uniform on
//           [0, 1) otherwise.
// HAS_DRAW  Defined where the number of the draw is read from memory; 0 otherwise.
//
// A block of Philox serves four elements of 32 bits or two of 64.

#include "common.clh"
#include "philox.clh"

#ifndef GROUP_SIZE
#define GROUP_SIZE 64
#endif

#ifdef FLOAT64
#define PER_BLOCK 2
#define UNIT 1.1102230246251565e-16  // 2⁻⁵³
// The upper 53 of 64 random bits.
static SCALAR bits(const uint low, const uint high) {
  return (SCALAR)(((ulong)high << 32 | low) >> 11);
}
#else
#define PER_BLOCK 4
#define UNIT 5.9604644775390625e-8f  // 2⁻²⁴
// The upper 24 of 32 random bits.
static SCALAR bits(const uint word) { return (SCALAR)(word >> 8); }
#endif

// Two independent normal numbers of two uniform ones, in steps of UNIT: √(−2 log u₁)·cos 2πu₂ and
// the same with the sine. u₁ is in (0, 1], so that its logarithm is finite.
static void box_muller(const SCALAR first, const SCALAR second, SCALAR *numbers) {
  const SCALAR radius = sqrt(REAL(-2.0) * log((first + REAL(1.0)) * UNIT));
  const SCALAR half_turns = REAL(2.0) * (second * UNIT);
  numbers[0] = radius * cospi(half_turns);
  numbers[1] = radius * sinpi(half_turns);
}

#ifdef HAS_DRAW
#define DRAW_PARAMETERS __global const long *draw, const ulong draw_at,
#define DRAW ((uint)draw[draw_at])
#else
#define DRAW_PARAMETERS
#define DRAW 0
#endif

// Work size: ceil(count / PER_BLOCK), rounded up to the work-group.
// A work-item makes the elements of one block.
// Memory: the output is written once.
KERNEL(GROUP_SIZE, 1)
void random_numbers(
    DRAW_PARAMETERS __global SCALAR *output, const uint2 key, const uint2 stream,
    const ulong offset, const ulong count WORK_ITEM) {
  const ulong block = get_global_id(0);
  const ulong first = block * PER_BLOCK;
  if (first >= count) return;
  const uint4 words = philox((uint4)((uint)block, (uint)(block >> 32) + DRAW, stream), key);

  SCALAR numbers[PER_BLOCK];
#if defined(FLOAT64) && defined(NORMAL)
  box_muller(bits(words.s0, words.s1), bits(words.s2, words.s3), numbers);
#elif defined(FLOAT64)
  numbers[0] = bits(words.s0, words.s1) * UNIT;
  numbers[1] = bits(words.s2, words.s3) * UNIT;
#elif defined(NORMAL)
  box_muller(bits(words.s0), bits(words.s1), numbers);
  box_muller(bits(words.s2), bits(words.s3), numbers + 2);
#else
  numbers[0] = bits(words.s0) * UNIT;
  numbers[1] = bits(words.s1) * UNIT;
  numbers[2] = bits(words.s2) * UNIT;
  numbers[3] = bits(words.s3) * UNIT;
#endif
  UNROLL for (uint n = 0; n < PER_BLOCK; ++n)
    if (first + n < count) output[offset + first + n] = numbers[n];
}
