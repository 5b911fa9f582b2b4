// Matrix products of rounded operands, output = epilogue(a·b), for processors that multiply
// fragments of matrices. The 32 work-items of a warp together hold 16 × 8 words of a, 8 × 8
// words of b, and 16 × 8 sums of float32, to which the product of the words is added.
//
// A word is an element rounded to the 11 significant bits of tf32 or, with BFLOAT16, two elements
// that follow each other along k rounded to bfloat16, the first in the lower half.
//
// TENSOR_CORES  Defined where fragments are multiplied by PTX's mma.sync, on NVIDIA's devices of
//               compute capability 8.0 and above. Elsewhere the work-items of a warp exchange their
//               words through local memory: the same products in the same places, slowly.
// BFLOAT16      Defined where words are pairs of bfloat16.
// WARP_ROWS, WARP_COLUMNS    The fragments of sums that a warp has, down and across.
// GROUP_ROWS, GROUP_COLUMNS  The warps of a work-group, down and across.
// A_ALONG_DEPTH, B_ALONG_DEPTH  1 where neighbours along k are adjacent in memory, so that adjacent
//               work-items fetch adjacent elements; else 0.
// A_QUADS, B_QUADS  1 where every fourth of these neighbours lies on 4 elements; else 0.
//
// Source: NVIDIA, "Parallel Thread Execution ISA", section on matrix fragments for mma.m16n8k8 (tf32)
// and mma.m16n8k16 (bfloat16), in which the words of a work-item lie alike.

#include "matmul.clh"

#ifndef WARP_ROWS
#define WARP_ROWS 1
#define WARP_COLUMNS 1
#define GROUP_ROWS 1
#define GROUP_COLUMNS 1
#endif
#ifndef A_ALONG_DEPTH
#define A_ALONG_DEPTH 1
#define B_ALONG_DEPTH 0
#define A_QUADS 0
#define B_QUADS 0
#endif

// The elements of a word, and the words along k that are multiplied between two barriers.
#ifdef BFLOAT16
#define PAIR 2
#else
#define PAIR 1
#endif
#define TILE_WORDS 16

#define WARP 32
#define GROUP (WARP * GROUP_ROWS * GROUP_COLUMNS)
#define TILE_ROWS (16 * WARP_ROWS * GROUP_ROWS)
#define TILE_COLUMNS (8 * WARP_COLUMNS * GROUP_COLUMNS)
// The quads of words of a tile that each work-item fetches.
#define A_SHARE (TILE_ROWS * TILE_WORDS / 4 / GROUP)
#define B_SHARE (TILE_COLUMNS * TILE_WORDS / 4 / GROUP)

// Where a word is in a tile: neighbours along k adjacent or, where they are not in global memory,
// neighbours across. The padding leaves quads on 16 bytes, and the words that a warp reads at once,
// 8 across by 4 along k, in 32 different banks.
#define DEPTH_PITCH (TILE_WORDS + 4)
#define ACROSS_PITCH(length) ((length) + 8)
#define PLACE(along_depth, length, across, word)                               \
  ((along_depth) ? (across) * DEPTH_PITCH + (word) : (word) * ACROSS_PITCH(length) + (across))
#define TILE_SIZE(along_depth, length)                                         \
  ((along_depth) ? (length) * DEPTH_PITCH : TILE_WORDS * ACROSS_PITCH(length))

// Local memory is for kernels alone.
#ifndef STAGE
#ifdef TENSOR_CORES
// One or two elements as a word.
INLINED uint word_of(const float first, const float second) {
  uint word;
#ifdef BFLOAT16
  __asm__("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
#else
  __asm__("cvt.rna.tf32.f32 %0, %1;" : "=r"(word) : "f"(first));
#endif
  return word;
}

// What the words of fragments are exchanged through.
#define DECLARE_EXCHANGE
#define EXCHANGE

// sums += a·b for each pair of fragments.
INLINED void add_products(
    float sums[WARP_ROWS][WARP_COLUMNS][4], const uint a[WARP_ROWS][4],
    const uint b[WARP_COLUMNS][2]) {
  UNROLL for (uint r = 0; r < WARP_ROWS; ++r) {
    UNROLL for (uint c = 0; c < WARP_COLUMNS; ++c) {
      // Volatile, for all the lanes of a warp must come to it together. It reads registers alone, so
      // that nothing need be said of memory.
#ifdef BFLOAT16
      __asm__ volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 "
#else
      __asm__ volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 "
#endif
                   "{%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
                   : "+f"(sums[r][c][0]), "+f"(sums[r][c][1]), "+f"(sums[r][c][2]),
                     "+f"(sums[r][c][3])
                   : "r"(a[r][0]), "r"(a[r][1]), "r"(a[r][2]), "r"(a[r][3]), "r"(b[c][0]),
                     "r"(b[c][1]));
    }
  }
}
#else
#ifdef BFLOAT16
static uint bfloat16_bits(const float x) {
  const uint bits = as_uint(x);
  return isnan(x) ? 0x7FFFu : (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
}
static uint word_of(const float first, const float second) {
  return bfloat16_bits(first) | bfloat16_bits(second) << 16;
}
static float word_product(const uint x, const uint y, const float sum) {
  const float low = fma(as_float(x << 16), as_float(y << 16), sum);
  return fma(as_float(x & 0xFFFF0000u), as_float(y & 0xFFFF0000u), low);
}
#else
static uint word_of(const float first, const float second) {
  // To nearest, ties away from zero.
  return isnan(first) ? 0x7FFFFFFFu : (as_uint(first) + 0x1000u) & ~0x1FFFu;
}
static float word_product(const uint x, const uint y, const float sum) {
  return fma(as_float(x), as_float(y), sum);
}
#endif

#define EXCHANGED_WORDS (4 * WARP_ROWS + 2 * WARP_COLUMNS)
#define DECLARE_EXCHANGE __local uint exchange[GROUP][EXCHANGED_WORDS]
#define EXCHANGE , exchange

// sums += a·b for each pair of fragments.
static void add_products(
    float sums[WARP_ROWS][WARP_COLUMNS][4], const uint a[WARP_ROWS][4],
    const uint b[WARP_COLUMNS][2], __local uint exchange[GROUP][EXCHANGED_WORDS]) {
  const uint item = get_local_id(0), lane = item % WARP;
  for (uint r = 0; r < WARP_ROWS; ++r)
    for (uint n = 0; n < 4; ++n) exchange[item][4 * r + n] = a[r][n];
  for (uint c = 0; c < WARP_COLUMNS; ++c)
    for (uint n = 0; n < 2; ++n) exchange[item][4 * WARP_ROWS + 2 * c + n] = b[c][n];
  barrier(CLK_LOCAL_MEM_FENCE);
  __local uint (*warp)[EXCHANGED_WORDS] = exchange + (item - lane);
  for (uint r = 0; r < WARP_ROWS; ++r) {
    for (uint c = 0; c < WARP_COLUMNS; ++c) {
      for (uint s = 0; s < 4; ++s) {
        const uint row = lane / 4 + s / 2 * 8, column = lane % 4 * 2 + s % 2;
        for (uint k = 0; k < 8; ++k) {
          const uint x = warp[row % 8 * 4 + k % 4][4 * r + row / 8 + k / 4 * 2];
          const uint y = warp[column * 4 + k % 4][4 * WARP_ROWS + 2 * c + k / 4];
          sums[r][c][s] = word_product(x, y, sums[r][c][s]);
        }
      }
    }
  }
  barrier(CLK_LOCAL_MEM_FENCE);
}
#endif

// What a work-group multiplies of an operand: where it is, its distances across and along k, and the
// positions across that it has, of which `end` is the matrix's.
struct operand {
  __global const float *elements;
  INDEX across, depth;
  INDEX begin, end;
};

// Where the n-th quad of a tile's words begins, across and along k.
#define QUAD_ACROSS(along_depth, length, n)                                    \
  ((along_depth) ? (n) / (TILE_WORDS / 4) : (n) % ((length) / 4) * 4)
#define QUAD_WORD(along_depth, length, n)                                      \
  ((along_depth) ? (n) % (TILE_WORDS / 4) * 4 : (n) / ((length) / 4))

// The elements of a quad of words, with zeros beyond the edges. They are rounded when they are stored:
// doing it here would wait for them.
INLINED void fetch_quad(
    QUAD next[PAIR], const struct operand of, const INDEX begin_depth, const INDEX end_depth,
    const uint n, const uint length, const int along_depth, const int is_aligned) {
  const INDEX across = of.begin + QUAD_ACROSS(along_depth, length, n);
  UNROLL for (uint e = 0; e < PAIR; ++e) {
    const INDEX k =
        begin_depth + QUAD_WORD(along_depth, length, n) * PAIR + e * (along_depth ? 4 : 1);
    const INDEX count = along_depth ? REMAINING(k, end_depth, across, of.end)
                                    : REMAINING(across, of.end, k, end_depth);
    next[e] = fetch(
        of.elements + across * of.across + k * of.depth, along_depth ? of.depth : of.across, count,
        is_aligned);
  }
}

INLINED void store_quad(
    __local uint *tile, const QUAD next[PAIR], const uint n, const uint length,
    const int along_depth) {
  __local uint *words = tile + PLACE(
      along_depth, length, QUAD_ACROSS(along_depth, length, n), QUAD_WORD(along_depth, length, n));
  const QUAD x = next[0];
#ifdef BFLOAT16
  const QUAD y = next[1];
  const uint4 quad =
      along_depth
          ? (uint4)(word_of(x.x, x.y), word_of(x.z, x.w), word_of(y.x, y.y), word_of(y.z, y.w))
          : (uint4)(word_of(x.x, y.x), word_of(x.y, y.y), word_of(x.z, y.z), word_of(x.w, y.w));
#else
  const uint4 quad = (uint4)(word_of(x.x, 0), word_of(x.y, 0), word_of(x.z, 0), word_of(x.w, 0));
#endif
  *(__local uint4 *)words = quad;
}

// Work size: (ceil(columns / TILE_COLUMNS) · GROUP, ceil(rows / TILE_ROWS), batches · parts).
// A work-group computes a tile of TILE_ROWS × TILE_COLUMNS, a warp WARP_ROWS × WARP_COLUMNS fragments
// of it in registers. TILE_WORDS words along k at a time go through local memory, with zeros beyond
// the edges; while they are multiplied the next ones are fetched into registers, and then stored to a
// second tile, so that one barrier is enough.
// Memory: a is read columns / TILE_COLUMNS times, b rows / TILE_ROWS times; the output is written
// once.
KERNEL(GROUP, 1)
void multiply_fragments(
    __global const float *a, __global const float *b, OPERAND_PARAMETER __global float *output,
    const struct product of WORK_ITEM) {
  __local uint a_tiles[2][TILE_SIZE(A_ALONG_DEPTH, TILE_ROWS)] __attribute__((aligned(16)));
  __local uint b_tiles[2][TILE_SIZE(B_ALONG_DEPTH, TILE_COLUMNS)] __attribute__((aligned(16)));
  DECLARE_EXCHANGE;
  const uint item = get_local_id(0), lane = item % WARP, warp = item / WARP;
  BEGIN_PART;
  const struct operand rows = {
      a + of.a.offset + batch * of.a.batch, of.a.row, of.a.column,
      get_group_id(1) * TILE_ROWS, of.rows};
  const struct operand columns = {
      b + of.b.offset + batch * of.b.batch, of.b.column, of.b.row,
      get_group_id(0) * TILE_COLUMNS, of.columns};
  output += of.output.offset + get_global_id(2) * of.output.batch;
  BEGIN_OPERAND;
  // Where the warp's fragments begin in the tile.
  const uint first_row = warp / GROUP_COLUMNS * (16 * WARP_ROWS);
  const uint first_column = warp % GROUP_COLUMNS * (8 * WARP_COLUMNS);

  float sums[WARP_ROWS][WARP_COLUMNS][4];
  UNROLL for (uint r = 0; r < WARP_ROWS; ++r)
    UNROLL for (uint c = 0; c < WARP_COLUMNS; ++c)
      UNROLL for (uint n = 0; n < 4; ++n) sums[r][c][n] = 0;

  QUAD a_next[A_SHARE][PAIR], b_next[B_SHARE][PAIR];
#define FETCH(begin)                                                           \
  UNROLL for (uint s = 0; s < A_SHARE; ++s)                                    \
    fetch_quad(                                                                \
        a_next[s], rows, begin, end_depth, s * GROUP + item, TILE_ROWS, A_ALONG_DEPTH, A_QUADS);   \
  UNROLL for (uint s = 0; s < B_SHARE; ++s)                                    \
    fetch_quad(                                                                \
        b_next[s], columns, begin, end_depth, s * GROUP + item, TILE_COLUMNS, B_ALONG_DEPTH,       \
        B_QUADS)
#define STORE(target)                                                          \
  UNROLL for (uint s = 0; s < A_SHARE; ++s)                                    \
    store_quad(a_tiles[target], a_next[s], s * GROUP + item, TILE_ROWS, A_ALONG_DEPTH);            \
  UNROLL for (uint s = 0; s < B_SHARE; ++s)                                    \
    store_quad(b_tiles[target], b_next[s], s * GROUP + item, TILE_COLUMNS, B_ALONG_DEPTH)

  FETCH(begin_depth);
  STORE(0);
  barrier(CLK_LOCAL_MEM_FENCE);
  uint current = 0;
  for (INDEX depth = begin_depth; depth < end_depth; depth += TILE_WORDS * PAIR) {
    // After the last tile these are zeros.
    FETCH(depth + TILE_WORDS * PAIR);
    UNROLL for (uint first = 0; first < TILE_WORDS; first += 8) {
      uint a_words[WARP_ROWS][4], b_words[WARP_COLUMNS][2];
      UNROLL for (uint r = 0; r < WARP_ROWS; ++r)
        UNROLL for (uint n = 0; n < 4; ++n)
          a_words[r][n] = a_tiles[current][PLACE(
              A_ALONG_DEPTH, TILE_ROWS, first_row + 16 * r + n % 2 * 8 + lane / 4,
              first + n / 2 * 4 + lane % 4)];
      UNROLL for (uint c = 0; c < WARP_COLUMNS; ++c)
        UNROLL for (uint n = 0; n < 2; ++n)
          b_words[c][n] = b_tiles[current][PLACE(
              B_ALONG_DEPTH, TILE_COLUMNS, first_column + 8 * c + lane / 4,
              first + n * 4 + lane % 4)];
      add_products(sums, a_words, b_words EXCHANGE);
    }
    current = 1 - current;
    STORE(current);
    barrier(CLK_LOCAL_MEM_FENCE);
  }

  UNROLL for (uint r = 0; r < WARP_ROWS; ++r) {
    UNROLL for (uint c = 0; c < WARP_COLUMNS; ++c) {
      UNROLL for (uint n = 0; n < 4; ++n) {
        const INDEX i = rows.begin + first_row + 16 * r + n / 2 * 8 + lane / 4;
        const INDEX j = columns.begin + first_column + 8 * c + lane % 4 * 2 + n % 2;
        if (i < of.rows && j < of.columns)
          output[i * of.output.row + j * of.output.column] = FINISHED(sums[r][c][n], i, j);
      }
    }
  }
}
#endif
