// Random numbers that depend on the key, the draw and the element's position alone.
//
// NORMAL    Defined for numbers with mean 0 and variance 1, by the Box–Muller transform; uniform on
//           [0, 1) otherwise.
// HAS_DRAW  Defined where the number of the draw is read from memory; 0 otherwise.
//
// LANES     The blocks that a work-item makes side by side.
//
// A block of Philox serves four elements of 32 bits or two of 64.

#ifndef LANES
#define LANES 4
#endif

#include "vector.clh"

#ifndef GROUP_SIZE
#define GROUP_SIZE 64
#endif

#define WORDS WIDE(uint)

#include "philox.clh"

#ifdef FLOAT64
#define PER_BLOCK 2
#define UNIT 1.1102230246251565e-16  // 2⁻⁵³
// The upper 53 of 64 random bits.
static VECTOR bits(const WORDS low, const WORDS high) {
  return CONVERT(double)((CONVERT(ulong)(high) << 32 | CONVERT(ulong)(low)) >> 11);
}
#else
#define PER_BLOCK 4
#define UNIT 5.9604644775390625e-8f  // 2⁻²⁴
// The upper 24 of 32 random bits.
static VECTOR bits(const WORDS word) { return CONVERT(float)(word >> 8); }
#endif

// Two independent normal numbers of two uniform ones, in steps of UNIT: √(−2 log u₁)·cos 2πu₂ and
// the same with the sine. u₁ is in (0, 1], so that its logarithm is finite.
static void box_muller(const VECTOR first, const VECTOR second, VECTOR *numbers) {
  const VECTOR radius = sqrt(REAL(-2.0) * log((first + REAL(1.0)) * UNIT));
  const VECTOR half_turns = REAL(2.0) * (second * UNIT);
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

// Work size: ceil(count / (LANES · PER_BLOCK)), rounded up to the work-group.
// A work-item makes the elements of LANES neighbouring blocks.
// Memory: the output is written once.
KERNEL(GROUP_SIZE, 1)
void random_numbers(
    DRAW_PARAMETERS __global SCALAR *output, const uint2 key, const uint2 stream,
    const ulong offset, const ulong count WORK_ITEM) {
  const ulong first = get_global_id(0) * (LANES * PER_BLOCK);
  if (first >= count) return;
  WIDE(ulong) block;
  UNROLL for (uint lane = 0; lane < LANES; ++lane)
    ((ulong *)&block)[lane] = get_global_id(0) * LANES + lane;
  const struct philox_blocks counter = {
      CONVERT(uint)(block & 0xFFFFFFFFu), CONVERT(uint)(block >> 32) + DRAW, (WORDS)stream.x,
      (WORDS)stream.y};
  const struct philox_blocks words = philox(counter, key);

  VECTOR numbers[PER_BLOCK];
#if defined(FLOAT64) && defined(NORMAL)
  box_muller(bits(words.x, words.y), bits(words.z, words.w), numbers);
#elif defined(FLOAT64)
  numbers[0] = bits(words.x, words.y) * UNIT;
  numbers[1] = bits(words.z, words.w) * UNIT;
#elif defined(NORMAL)
  box_muller(bits(words.x), bits(words.y), numbers);
  box_muller(bits(words.z), bits(words.w), numbers + 2);
#else
  numbers[0] = bits(words.x) * UNIT;
  numbers[1] = bits(words.y) * UNIT;
  numbers[2] = bits(words.z) * UNIT;
  numbers[3] = bits(words.w) * UNIT;
#endif
  const SCALAR *number = (const SCALAR *)numbers;
  output += offset + first;
  if (count - first >= LANES * PER_BLOCK) {
    UNROLL for (uint n = 0; n < LANES * PER_BLOCK; ++n)
      output[n] = number[n % PER_BLOCK * LANES + n / PER_BLOCK];
  } else {
    for (uint n = 0; n < count - first; ++n)
      output[n] = number[n % PER_BLOCK * LANES + n / PER_BLOCK];
  }
}
