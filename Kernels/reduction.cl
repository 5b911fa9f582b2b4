// Sums, extremes and their positions, of a printed expression, along any axes.
//
// REDUCTION   SUM, MAXIMUM, MINIMUM or ARGMAX.
// PARAMETERS  The operands: a pointer for each view, a SCALAR for each number.
// VIEWS       The number of views among them.
// ELEMENT     Statements that read AT(v) of view v and define the SCALAR `element`.
// AHEAD       Statements that ask for what will be read after AT(v).
// STEP_v      The stride of view v along the walked axis (the innermost reduced axis of rows, the
//             innermost kept axis of columns): 0, 1, or STRIDE(v) if it is another.
// COLUMNS     Defined where the innermost kept axis is the walked one.
// TYPE_OUTPUT, STORE_OUTPUT  TYPE_x and STORE_x of the output's dtype.
// SCALE       The type in which a sum is scaled: SCALAR, or a floating-point one where an integer sum
//             is multiplied by a fraction.
// PARTIAL     Defined where the reduced positions are divided into chunks, whose results
//             `reduce_partials` combines.
// LANES       Of rows: how many values a work-item carries side by side, as many as a vector has on CPU
//             devices, 1 on GPUs.
// BLOCK       Of columns: the neighbouring outputs that a work-item reduces, 1 on GPUs.
// GROUP_SIZE  The size of a work-group.
//
// Axes are merged where all views allow it, without changing their order: KEPT_RANK axes that index
// the outputs, REDUCED_RANK axes whose positions are counted row-major.

#include "element.clh"
#include "expression.clh"
#include "group.clh"

#define SUM 0
#define MAXIMUM 1
#define MINIMUM 2
#define ARGMAX 3

#ifndef REDUCTION
#define REDUCTION SUM
#endif

#ifndef LANES
#define LANES 1
#endif

#ifndef BLOCK
#define BLOCK 1
#endif

#ifndef KEPT_RANK
#define KEPT_RANK 1
#define REDUCED_RANK 1
#endif

#ifndef ELEMENT
#define VIEWS 1
#define PARAMETERS __global const float *v0
#define STEP_0 1
#define ELEMENT const SCALAR element = LOAD_float32(v0, AT(0));
#define AHEAD READ_AHEAD(v0 + AT(0));
#define STORE_OUTPUT STORE_float32
#define TYPE_OUTPUT float
#endif

#ifdef SCALE
#define SCALED(sum) convert_long_sat(scale * (SCALE)(sum))
#else
#define SCALE SCALAR
#define SCALED(sum) (scale * (sum))
#endif

#if defined(INTEGER)
#define LEAST LONG_MIN
#define GREATEST LONG_MAX
#define IS_NAN(x) 0
#else
#define LEAST (-INFINITY)
#define GREATEST INFINITY
#define IS_NAN(x) isnan(x)
#endif

// What is carried from element to element.
#if REDUCTION == ARGMAX
typedef struct {
  SCALAR value;
  INDEX index;
} state;
#else
typedef SCALAR state;
#endif

static state identity(void) {
#if REDUCTION == SUM
  return 0;
#elif REDUCTION == MAXIMUM
  return LEAST;
#elif REDUCTION == MINIMUM
  return GREATEST;
#else
  const state none = {LEAST, ~(INDEX)0};
  return none;
#endif
}

static state lift(const SCALAR element, const INDEX index) {
#if REDUCTION == ARGMAX
  const state one = {element, index};
  return one;
#else
  return element;
#endif
}

static state combine(const state a, const state b) {
#if REDUCTION == SUM
  return a + b;
#elif REDUCTION == MAXIMUM
  return a > b || IS_NAN(a) ? a : b;
#elif REDUCTION == MINIMUM
  return a < b || IS_NAN(a) ? a : b;
#else
  // A NaN is above all numbers; of equals the first wins, in whatever order they meet.
  const int above = IS_NAN(a.value) ? !IS_NAN(b.value) : a.value > b.value;
  const int below = IS_NAN(b.value) ? !IS_NAN(a.value) : b.value > a.value;
  return above || (!below && a.index < b.index) ? a : b;
#endif
}

struct layout {
  // The lengths of the axes, and how many positions are reduced into one.
  INDEX kept[KEPT_RANK];
  INDEX reduced[REDUCED_RANK];
  INDEX count;
  // Chunks, and the positions in each but the last.
  INDEX chunks;
  INDEX chunk_length;
  // The operands' and, last, the output's.
  INDEX offsets[VIEWS + 1];
  INDEX kept_strides[VIEWS + 1][KEPT_RANK];
  INDEX reduced_strides[VIEWS][REDUCED_RANK];
};

#define EACH_VIEW UNROLL for (uint v = 0; v < VIEWS; ++v)

// Adds the position of `number`, counted row-major over the axes up to `last`, to each view's.
#define LOCATE(number, last, lengths, strides, views, at)                      \
  do {                                                                         \
    INDEX rest = number;                                                       \
    UNROLL for (int axis = last; axis >= 0; --axis) {                          \
      const INDEX next = axis == 0 ? 0 : rest / layout.lengths[axis];          \
      const INDEX index = rest - next * layout.lengths[axis];                  \
      UNROLL for (uint v = 0; v < views; ++v)                                  \
        at[v] += index * layout.strides[v][axis];                              \
      rest = next;                                                             \
    }                                                                          \
  } while (0)

// Puts a finished result where it belongs: into the output, or among the partial results.
#ifdef PARTIAL
#define RESULT_PARAMETERS __global state *partials
#define FINISH(output, chunk, result) partials[(output) * layout.chunks + (chunk)] = result
#else
#define RESULT_PARAMETERS __global TYPE_OUTPUT *results, const SCALE scale
#define FINISH(output, chunk, result) finish(results, scale, output, &layout, result)
#endif

static void finish(
    __global TYPE_OUTPUT *results, const SCALE scale, const INDEX output,
    const struct layout *of, const state result) {
  const struct layout layout = *of;
  INDEX at[VIEWS + 1];
  at[VIEWS] = layout.offsets[VIEWS];
  INDEX rest = output;
  UNROLL for (int axis = KEPT_RANK - 1; axis >= 0; --axis) {
    const INDEX next = axis == 0 ? 0 : rest / layout.kept[axis];
    at[VIEWS] += (rest - next * layout.kept[axis]) * layout.kept_strides[VIEWS][axis];
    rest = next;
  }
#if REDUCTION == SUM
  STORE_OUTPUT(results, at[VIEWS], SCALED(result));
#elif REDUCTION == ARGMAX
  results[at[VIEWS]] = (TYPE_OUTPUT)result.index;
#else
  STORE_OUTPUT(results, at[VIEWS], result);
#endif
}

// The position of an element: `start` of the view, the walked distance, and what is fixed in a lane.
#define AT(v) (start[v] + (step) * STEP_##v)

#ifdef COLUMNS
#define STRIDE(v) layout.kept_strides[v][KEPT_RANK - 1]

// The positions that are combined at a time with what the outputs have so far.
#define ROWS (BLOCK > 1 ? 8 : 1)

// Work size: ceil(innermost kept length / BLOCK) × chunks × other kept axes, rounded up to the
// work-group.
// A work-item reduces BLOCK neighbouring outputs over one chunk, each one position after the other.
// Memory: each operand is read once, BLOCK adjacent elements of ROWS positions at a time; what the
// outputs have so far stays in the nearest cache.
#if WANTED(reduce_columns)
KERNEL(GROUP_SIZE, 1)
void reduce_columns(PARAMETERS, RESULT_PARAMETERS, const struct layout layout WORK_ITEM) {
  const INDEX length = layout.kept[KEPT_RANK - 1];
  const INDEX blocks = (length + BLOCK - 1) / BLOCK;
  const INDEX item = get_global_id(0);
  const INDEX first = item % blocks * BLOCK;
  const INDEX chunk = item / blocks % layout.chunks;
  const INDEX row = item / blocks / layout.chunks;
#if KEPT_RANK > 1
  INDEX rows = 1;
  UNROLL for (int axis = 0; axis < KEPT_RANK - 1; ++axis) rows *= layout.kept[axis];
#else
  const INDEX rows = 1;
#endif
  if (row >= rows) return;

  INDEX base[VIEWS];
  EACH_VIEW base[v] = layout.offsets[v] + first * layout.kept_strides[v][KEPT_RANK - 1];
  LOCATE(row, KEPT_RANK - 2, kept, kept_strides, VIEWS, base);

  state states[BLOCK];
  for (uint column = 0; column < BLOCK; ++column) states[column] = identity();
  const uint width = BLOCK == 1 ? 1 : (uint)min((INDEX)BLOCK, length - first);
  const INDEX end = min(layout.count, (chunk + 1) * layout.chunk_length);
  for (INDEX position = chunk * layout.chunk_length; position < end;) {
    INDEX starts[ROWS][VIEWS];
    UNROLL for (uint r = 0; r < ROWS; ++r) {
      EACH_VIEW starts[r][v] = base[v];
      const INDEX number = min(position + r, end - 1);
      LOCATE(number, REDUCED_RANK - 1, reduced, reduced_strides, VIEWS, starts[r]);
    }
    if (position + ROWS <= end) {
      for (uint step = 0; step < width; ++step) {
        state so_far = states[step];
        UNROLL for (uint r = 0; r < ROWS; ++r) {
          const INDEX *start = starts[r];
          ELEMENT
          so_far = combine(so_far, lift(element, position + r));
        }
        states[step] = so_far;
      }
      position += ROWS;
    } else {
      // The last few one by one.
      const INDEX *start = starts[0];
      for (uint step = 0; step < width; ++step) {
        ELEMENT
        states[step] = combine(states[step], lift(element, position));
      }
      ++position;
    }
  }
  for (uint column = 0; column < width; ++column)
    FINISH(row * length + first + column, chunk, states[column]);
}
#endif
#else
#define STRIDE(v) layout.reduced_strides[v][REDUCED_RANK - 1]

// Work size: a work-group for each output and chunk.
// A work-item reduces every GROUP_SIZE-th position of the chunk, or, alone in its group, all of
// them in LANES interleaved parts; then the parts are combined in a tree.
// Memory: each operand is read once, adjacent work-items or lanes reading adjacent elements.
#if WANTED(reduce_rows)
KERNEL(GROUP_SIZE, 1)
void reduce_rows(PARAMETERS, RESULT_PARAMETERS, const struct layout layout WORK_ITEM) {
  LOCAL_SLOTS(state, slots);
  const INDEX output = get_group_id(0) / layout.chunks;
  const INDEX chunk = get_group_id(0) % layout.chunks;
  INDEX base[VIEWS];
  EACH_VIEW base[v] = layout.offsets[v];
  LOCATE(output, KEPT_RANK - 1, kept, kept_strides, VIEWS, base);

  state lanes[LANES];
  UNROLL for (uint lane = 0; lane < LANES; ++lane) lanes[lane] = identity();
  const INDEX end = min(layout.count, (chunk + 1) * layout.chunk_length);
  INDEX position = chunk * layout.chunk_length + get_local_id(0);
  while (position < end) {
    INDEX start[VIEWS];
    EACH_VIEW start[v] = base[v];
    LOCATE(position, REDUCED_RANK - 1, reduced, reduced_strides, VIEWS, start);
#if GROUP_SIZE == 1
    // To the end of the innermost axis there is nothing to divide by.
    const INDEX length = layout.reduced[REDUCED_RANK - 1];
    const INDEX run = min(length - position % length, end - position);
    INDEX done = 0;
    for (; done + LANES <= run; done += LANES) {
      const INDEX step = done;
      AHEAD
      UNROLL for (uint lane = 0; lane < LANES; ++lane) {
        const INDEX step = done + lane;
        ELEMENT
        lanes[lane] = combine(lanes[lane], lift(element, position + step));
      }
    }
    UNROLL for (uint lane = 0; lane < LANES; ++lane) {
      if (done + lane < run) {
        const INDEX step = done + lane;
        ELEMENT
        lanes[lane] = combine(lanes[lane], lift(element, position + step));
      }
    }
    position += run;
#else
    const INDEX step = 0;
    ELEMENT
    lanes[0] = combine(lanes[0], lift(element, position));
    position += GROUP_SIZE;
#endif
  }
  UNROLL for (uint half_lanes = LANES / 2; half_lanes > 0; half_lanes /= 2)
    UNROLL for (uint lane = 0; lane < half_lanes; ++lane)
      lanes[lane] = combine(lanes[lane], lanes[lane + half_lanes]);
  COMBINE_GROUP(lanes[0], slots, combine);
  if (get_local_id(0) == 0) FINISH(output, chunk, lanes[0]);
}
#endif
#endif

// Work size: a work-group for each output.
// A work-item combines every GROUP_SIZE-th partial result in order; then the parts are combined.
// Memory: each partial result is read once.
#if WANTED(reduce_partials)
KERNEL(GROUP_SIZE, 1)
void reduce_partials(
    __global const state *partials, __global TYPE_OUTPUT *results, const SCALE scale,
    const struct layout layout WORK_ITEM) {
  LOCAL_SLOTS(state, slots);
  const INDEX output = get_group_id(0);
  state result = identity();
  for (INDEX chunk = get_local_id(0); chunk < layout.chunks; chunk += GROUP_SIZE)
    result = combine(result, partials[output * layout.chunks + chunk]);
  COMBINE_GROUP(result, slots, combine);
  if (get_local_id(0) == 0) finish(results, scale, output, &layout, result);
}
#endif
