// Normalising groups of elements, and the gradient of that.
//
// A model's elements are walked by sets. A set is what one sum runs over: a group, which shares
// mean and deviation, or (BY_CHANNEL) a channel, which shares scale and shift. The elements of a
// model lie as [outer, sets, inner]. Where a set has too many, its outer × inner positions are
// divided into chunks that each fit into cache; partial results are then merged in order.
//
// COLUMNS    Defined where inner is 1: a work-item walks STRIPS vectors of LANES neighbouring sets down
//            the outer axis. Otherwise a work-group walks one set along the inner axis, its work-items
//            or lanes side by side. What is known of a set, such as its mean, is in its lane, or in all.
// STRIPS     Of columns, the vectors side by side: memory gives neighbouring lines faster than lines
//            far apart. 1 otherwise.
// LANES      How many elements a work-item treats side by side: as many as a vector has on CPU
//            devices, 1 on GPUs, and of rows 1 in groups of several work-items.
// KEPT_ROWS  Defined, for columns that are not divided, where a work-item has private memory for so
//            many rows of them. They are then read once: rows of a column lie so far apart that a
//            cache, which keeps few lines at equal distances, would have lost them.
// GROUP_SIZE The size of a work-group.
// BY_CHANNEL Defined where a set is a channel, for the sums of its gradients.
// CHANNEL_IS_GROUP  Defined where each group is one channel, as in batch normalisation.
// SUBTRACTS_MEAN, DIVIDES, SUM_OF_SQUARES  The mode: whether x̂ has mean 0; whether it is divided by
//            a spread; and whether that is a sum rather than a mean.
// EPILOGUE   Of the scaled and shifted value: forward the activation, in the gradient (with HAS_SLOPE)
//            its derivative.
//
// Scale, shift and their gradients may be null.

#include "common.clh"
#include "vector.clh"
#include "expression.clh"
#include "group.clh"

#if !defined(SUBTRACTS_MEAN) && !defined(DIVIDES)
#define SUBTRACTS_MEAN
#define DIVIDES
#endif

#ifndef STRIPS
#define STRIPS 1
#endif

struct layout {
  INDEX models, outer, sets, inner;
  INDEX chunks, chunk_length;
  // Element j of a model has the statistics j / group_inner mod groups, and the scale and shift
  // j / channel_stride mod channels.
  INDEX groups, group_inner, channels, channel_stride;
  // The offsets of the arguments that have these names.
  INDEX x, y, cotangent, x_gradient, mean, deviation, scale, shift, scale_gradient, shift_gradient;
};

// MARK: Elements

// Elements side by side, of which `count` are there and the others 0.
INLINED VECTOR load_lanes(__global const SCALAR *elements, const uint count) {
  return count == LANES ? VLOAD(elements) : load_part(elements, count, 0);
}
INLINED VECTOR load_elements(__global const SCALAR *elements, const uint count) {
#ifndef COLUMNS
  READ_AHEAD(elements);
#endif
  return load_lanes(elements, count);
}
INLINED void store_lanes(__global SCALAR *elements, const VECTOR x, const uint count) {
  if (count == LANES)
    VSTORE_GLOBAL(x, elements);
  else
    store_part(elements, x, count);
}
INLINED void store_elements(__global SCALAR *elements, const VECTOR x, const uint count) {
  if (count == LANES)
    store_output(x, elements);
  else
    store_part(elements, x, count);
}

// x, and 0 in the lanes that have no element.
INLINED VECTOR only_lanes(const VECTOR x, const uint count) {
  SCALAR part[LANES];
  VSTORE(x, part);
  EACH_LANE part[lane] = lane < count ? part[lane] : 0;
  return VLOAD(part);
}

// What the elements from the j-th on have of an array in which `length` neighbours share one of
// `count` numbers, one after the other and then from the first again.
INLINED VECTOR look_up(
    __global const SCALAR *numbers, const INDEX j, const INDEX length, const INDEX count) {
  const INDEX first = j / length;
  if ((j + LANES - 1) / length == first) return (VECTOR)numbers[first % count];
  if (length == 1 && first % count + LANES <= count) return VLOAD(numbers + first % count);
  SCALAR part[LANES];
  EACH_LANE part[lane] = numbers[(j + lane) / length % count];
  return VLOAD(part);
}

// MARK: Walking

#ifdef COLUMNS
#define SETS (STRIPS * LANES)
#define TASK get_global_id(0)
// The number of work-items is rounded up. Work-groups are as many as there is work for, and none of
// them returns early: PoCL then takes the first work-item's way behind a barrier for everyone's.
#define RETURN_IF_IDLE if (model >= of.models) return
#define ONLY(x) (x)
#else
#define SETS 1
#define TASK get_group_id(0)
#define RETURN_IF_IDLE
#define ONLY(x) (count == LANES ? (x) : only_lanes(x, count))
#endif

// For each strip `s`; its vector of what is known of a set is element s of an array.
#define EACH_STRIP UNROLL for (uint s = 0; s < STRIPS; ++s)
// How many of LANES sets from a first one on there are.
#define WIDTH_FROM(first) (uint)min((INDEX)LANES, of.sets - min(of.sets, first))

// Says which sets and which positions a work-item, or its work-group, has.
#define BEGIN                                                                  \
  const INDEX blocks = (of.sets + SETS - 1) / SETS;                            \
  const INDEX first_set = TASK % blocks * SETS;                                \
  const INDEX chunk = TASK / blocks % of.chunks;                               \
  const INDEX model = TASK / blocks / of.chunks;                               \
  RETURN_IF_IDLE;                                                              \
  uint widths[STRIPS];                                                         \
  EACH_STRIP widths[s] = WIDTH_FROM(first_set + s * LANES);                    \
  const INDEX begin = chunk * of.chunk_length;                                 \
  const INDEX end = min(of.outer * of.inner, begin + of.chunk_length);         \
  const SCALAR length = (SCALAR)(end - begin);                                 \
  const INDEX model_start = model * of.outer * of.sets * of.inner

// Runs statements for each vector of elements, where `j` is the number of the first within the model,
// `count` how many there are, and `s` their strip.
#ifdef COLUMNS
#define EACH_VECTOR(...)                                                       \
  for (INDEX r = begin; r < end; ++r) {                                        \
    EACH_STRIP {                                                               \
      const INDEX j = r * of.sets + first_set + s * LANES;                     \
      const uint count = widths[s];                                            \
      __VA_ARGS__                                                              \
    }                                                                          \
  }
#elif GROUP_SIZE == 1
#define EACH_VECTOR(...)                                                       \
  for (INDEX r = begin; r < end;) {                                            \
    const uint s = 0;                                                          \
    const INDEX o = r / of.inner;                                              \
    const INDEX run = min((o + 1) * of.inner, end) - r;                        \
    INDEX j = r + (o * (of.sets - 1) + first_set) * of.inner;                  \
    r += run;                                                                  \
    const INDEX run_end = j + run;                                             \
    for (; j + LANES <= run_end; j += LANES) {                                 \
      const uint count = LANES;                                                \
      __VA_ARGS__                                                              \
    }                                                                          \
    if (j < run_end) {                                                         \
      const uint count = (uint)(run_end - j);                                  \
      __VA_ARGS__                                                              \
    }                                                                          \
  }
#else
#define EACH_VECTOR(...)                                                       \
  for (INDEX r = begin + get_local_id(0); r < end; r += GROUP_SIZE) {          \
    const INDEX j = r + (r / of.inner * (of.sets - 1) + first_set) * of.inner; \
    const uint count = 1, s = 0;                                               \
    __VA_ARGS__                                                                \
  }
#endif
#define LOAD(elements) load_elements(elements + j, count)

// What the first pass over the elements keeps for the second, which else computes it again.
#ifdef KEPT_ROWS
#define DECLARE_KEPT(name) VECTOR name[KEPT_ROWS][STRIPS]
#define KEEP(name, value) name[r][s] = value
#define KEPT(name, value) name[r][s]
#else
#define DECLARE_KEPT(name)
#define KEEP(name, value)
#define KEPT(name, value) (value)
#endif

// From the sums of lanes to the sum of each set.
#define PLUS(a, b) ((a) + (b))
#ifdef COLUMNS
#define SUM_LANES(sums)
#else
#define SUM_LANES(sums)                                                        \
  do {                                                                         \
    SCALAR part[LANES];                                                        \
    VSTORE(sums[0], part);                                                     \
    UNROLL for (uint half_lanes = LANES / 2; half_lanes > 0; half_lanes /= 2)  \
      UNROLL for (uint lane = 0; lane < half_lanes; ++lane)                    \
        part[lane] += part[lane + half_lanes];                                 \
    COMBINE_GROUP(part[0], slots, PLUS);                                       \
    sums[0] = (VECTOR)part[0];                                                 \
  } while (0)
#endif

// The number of the first set among those of all models, and its partial result.
#define SET_NUMBER (model * of.sets + first_set)

// The sets' own numbers; one work-item writes what a work-group found.
#ifdef COLUMNS
#define load_sets load_lanes
#define store_sets store_lanes
#else
INLINED VECTOR load_sets(__global const SCALAR *numbers, const uint width) {
  return (VECTOR)numbers[0];
}
INLINED void store_sets(__global SCALAR *numbers, const VECTOR x, const uint width) {
  SCALAR part[LANES];
  VSTORE(x, part);
  if (get_local_id(0) == 0) numbers[0] = part[0];
}
#endif
#define LOAD_SETS(array) load_sets(array + of.array + SET_NUMBER + s * LANES, widths[s])
#define STORE_SETS(array, x) store_sets(array + of.array + SET_NUMBER + s * LANES, x, widths[s])
// Two for each chunk of a set, which lie as [model, chunk, 2, set].
#define PARTIALS(chunk) (partials + (model * of.chunks + (chunk)) * 2 * of.sets + first_set)
#define STORE_PARTIALS(first, second)                                          \
  EACH_STRIP {                                                                 \
    store_sets(PARTIALS(chunk) + s * LANES, first[s], widths[s]);              \
    store_sets(PARTIALS(chunk) + of.sets + s * LANES, second[s], widths[s]);   \
  }

// Says which sets a work-item of a merge has: LANES of them, whatever a vector is otherwise.
#define BEGIN_MERGE                                                            \
  const INDEX blocks = (of.sets + LANES - 1) / LANES;                          \
  const INDEX model = get_global_id(0) / blocks;                               \
  if (model >= of.models) return;                                              \
  const INDEX first_set = get_global_id(0) % blocks * LANES;                   \
  const uint width = WIDTH_FROM(first_set)

// Scale and shift of elements: those of their sets, or looked up.
#if defined(BY_CHANNEL) || defined(CHANNEL_IS_GROUP)
#define DECLARE_CHANNELS                                                       \
  VECTOR scales[STRIPS], shifts[STRIPS];                                       \
  EACH_STRIP {                                                                 \
    scales[s] = scale ? LOAD_SETS(scale) : (VECTOR)1;                          \
    shifts[s] = shift ? LOAD_SETS(shift) : (VECTOR)0;                          \
  }
#define SCALE scales[s]
#define SHIFT shifts[s]
#else
#define DECLARE_CHANNELS
#define LOOK_UP_CHANNEL(array)                                                 \
  look_up(                                                                     \
      array + of.array + model * of.channels, j, of.channel_stride, of.channels)
#define SCALE (scale ? LOOK_UP_CHANNEL(scale) : (VECTOR)1)
#define SHIFT (shift ? LOOK_UP_CHANNEL(shift) : (VECTOR)0)
#endif

// Mean and deviation of elements: those of their sets, or looked up.
#ifdef BY_CHANNEL
#define DECLARE_GROUPS
#define LOOK_UP_GROUP(array)                                                   \
  look_up(array + of.array + model * of.groups, j, of.group_inner, of.groups)
#define MEAN LOOK_UP_GROUP(mean)
#define DEVIATION LOOK_UP_GROUP(deviation)
#else
#define DECLARE_GROUPS                                                         \
  VECTOR means[STRIPS], deviations[STRIPS];                                    \
  EACH_STRIP {                                                                 \
    means[s] = LOAD_SETS(mean);                                                \
    deviations[s] = LOAD_SETS(deviation);                                      \
  }
#define MEAN means[s]
#define DEVIATION deviations[s]
#endif

#ifndef BY_CHANNEL

// MARK: Forward

// The factor that a set's centred values get, of the sum of their squares.
INLINED VECTOR inverse_deviation(
    const VECTOR squares, const SCALAR count, const SCALAR epsilon) {
#if defined(SUM_OF_SQUARES)
  return REAL(1.0) / sqrt(squares + epsilon);
#elif defined(DIVIDES)
  return REAL(1.0) / sqrt(squares / count + epsilon);
#else
  return (VECTOR)1;
#endif
}

// Defines `means` and `squares`, the sums of squared distances from the mean, of a chunk; keeps its
// `elements`.
// Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance",
// 1983.
#define DECLARE_MOMENTS                                                        \
  VECTOR means[STRIPS], squares[STRIPS];                                       \
  EACH_STRIP means[s] = squares[s] = (VECTOR)0
#if !defined(SUBTRACTS_MEAN)
#define MOMENTS                                                                \
  DECLARE_MOMENTS;                                                             \
  EACH_VECTOR(                                                                 \
    const VECTOR element = LOAD(x);                                            \
    KEEP(elements, element);                                                   \
    squares[s] += element * element;)                                          \
  SUM_LANES(squares)
#elif defined(COLUMNS) && !defined(KEPT_ROWS)
// One pass, for the rows of a column are too far apart to stay in cache: blocks of rows are held in
// registers, and merged as in `merge_moments`. All is counted from the first row, so that what is
// merged is small where the mean is large.
#define BLOCK 8
#define MOMENTS                                                                \
  DECLARE_MOMENTS;                                                             \
  EACH_STRIP {                                                                 \
    __global const SCALAR *column = x + first_set + s * LANES;                 \
    const VECTOR origins = load_lanes(column + begin * of.sets, widths[s]);    \
    for (INDEX block = begin; block < end; block += BLOCK) {                   \
      const uint rows = (uint)min((INDEX)BLOCK, end - block);                  \
      const SCALAR share = (SCALAR)rows;                                       \
      const SCALAR weight = share / (SCALAR)(block - begin + rows);            \
      VECTOR values[BLOCK], centre = (VECTOR)0, distances = (VECTOR)0;         \
      UNROLL for (uint r = 0; r < BLOCK; ++r) {                                \
        if (r < rows) {                                                        \
          values[r] =                                                          \
              load_lanes(column + (block + r) * of.sets, widths[s]) - origins; \
          centre += values[r];                                                 \
        }                                                                      \
      }                                                                        \
      centre /= share;                                                         \
      UNROLL for (uint r = 0; r < BLOCK; ++r) {                                \
        const VECTOR away = r < rows ? values[r] - centre : (VECTOR)0;         \
        distances += away * away;                                              \
      }                                                                        \
      const VECTOR apart = centre - means[s];                                  \
      means[s] += apart * weight;                                              \
      squares[s] +=                                                            \
          distances + apart * apart * ((SCALAR)(block - begin) * weight);      \
    }                                                                          \
    means[s] += origins;                                                       \
  }
#else
// Two passes, the second of which also finds by how much the first mean was off, and corrects both
// for it (equation 1.7).
#define MOMENTS                                                                \
  DECLARE_MOMENTS;                                                             \
  VECTOR errors[STRIPS];                                                       \
  EACH_STRIP errors[s] = (VECTOR)0;                                            \
  EACH_VECTOR(                                                                 \
    const VECTOR element = LOAD(x);                                            \
    KEEP(elements, element);                                                   \
    means[s] += element;)                                                      \
  SUM_LANES(means);                                                            \
  EACH_STRIP means[s] /= length;                                               \
  EACH_VECTOR(                                                                 \
    const VECTOR centred = ONLY(KEPT(elements, LOAD(x)) - means[s]);           \
    errors[s] += centred;                                                      \
    squares[s] += centred * centred;)                                          \
  SUM_LANES(errors);                                                           \
  SUM_LANES(squares);                                                          \
  EACH_STRIP {                                                                 \
    squares[s] -= errors[s] * (errors[s] / length);                            \
    means[s] += errors[s] / length;                                            \
  }
#endif

#define NORMALIZE_ELEMENTS                                                     \
  EACH_VECTOR(                                                                 \
    const VECTOR element = KEPT(elements, LOAD(x));                            \
    store_elements(                                                            \
        y + j, finished((element - MEAN) * DEVIATION * SCALE + SHIFT, (VECTOR)0), count);)

// Work size: rows: a work-group for each set; columns: a work-item for STRIPS × LANES sets, rounded up.
// All of the normalisation of sets that are not divided into chunks.
// Memory: x is read from memory once, and again from cache, if rows are short enough to stay there;
// y is written once.
#if WANTED(normalize_sets)
KERNEL(GROUP_SIZE, 1)
void normalize_sets(
    __global const SCALAR *x, __global const SCALAR *scale, __global const SCALAR *shift,
    __global SCALAR *y, __global SCALAR *mean, __global SCALAR *deviation, const SCALAR epsilon,
    const struct layout of WORK_ITEM) {
  LOCAL_SLOTS(SCALAR, slots);
  BEGIN;
  x += of.x + model_start;
  y += of.y + model_start;
  DECLARE_KEPT(elements);
  MOMENTS;
  VECTOR deviations[STRIPS];
  EACH_STRIP {
    deviations[s] = inverse_deviation(squares[s], length, epsilon);
    STORE_SETS(mean, means[s]);
    STORE_SETS(deviation, deviations[s]);
  }
  DECLARE_CHANNELS;
  NORMALIZE_ELEMENTS
}
#endif

// Work size: rows: a work-group for each set and chunk; columns: a work-item for STRIPS × LANES sets and
// a chunk, rounded up.
// Finds mean and sum of squares of each chunk.
// Memory: x is read from memory once, then from cache.
#if WANTED(moments)
KERNEL(GROUP_SIZE, 1)
void moments(
    __global const SCALAR *x, __global SCALAR *partials, const struct layout of WORK_ITEM) {
  LOCAL_SLOTS(SCALAR, slots);
  BEGIN;
  x += of.x + model_start;
  MOMENTS;
  STORE_PARTIALS(means, squares);
}
#endif

// Work size: a work-item for each model and LANES sets, rounded up.
// Merges the chunks' moments in order, by Chan's formula: from counts n, means m and sums of squared
// distances M, with δ = m_b − m_a, the whole has the mean m_a + δ·n_b/n and M_a + M_b + δ²·n_a·n_b/n.
// Memory: the partial results are read once.
#if WANTED(merge_moments)
KERNEL(GROUP_SIZE, 1)
void merge_moments(
    __global const SCALAR *partials, __global SCALAR *mean, __global SCALAR *deviation,
    const SCALAR epsilon, const struct layout of WORK_ITEM) {
  BEGIN_MERGE;
  const INDEX total = of.outer * of.inner;
  VECTOR means = load_lanes(PARTIALS(0), width);
  VECTOR squares = load_lanes(PARTIALS(0) + of.sets, width);
  for (INDEX chunk = 1; chunk < of.chunks; ++chunk) {
    const INDEX before = chunk * of.chunk_length;
    const SCALAR share = (SCALAR)min(of.chunk_length, total - before);
    const SCALAR weight = share / (SCALAR)min(before + of.chunk_length, total);
    const VECTOR apart = load_lanes(PARTIALS(chunk), width) - means;
    means += apart * weight;
    squares += load_lanes(PARTIALS(chunk) + of.sets, width)
        + apart * apart * ((SCALAR)before * weight);
  }
  store_lanes(mean + of.mean + SET_NUMBER, means, width);
  store_lanes(
      deviation + of.deviation + SET_NUMBER, inverse_deviation(squares, (SCALAR)total, epsilon),
      width);
}
#endif

// Work size: as `moments`.
// Normalises the elements of a chunk, whose statistics are known.
// Memory: x is read and y is written once.
#if WANTED(normalize_elements)
KERNEL(GROUP_SIZE, 1)
void normalize_elements(
    __global const SCALAR *x, __global const SCALAR *scale, __global const SCALAR *shift,
    __global SCALAR *y, __global const SCALAR *mean, __global const SCALAR *deviation,
    const struct layout of WORK_ITEM) {
  BEGIN;
  x += of.x + model_start;
  y += of.y + model_start;
  DECLARE_GROUPS;
  DECLARE_CHANNELS;
  NORMALIZE_ELEMENTS
}
#endif

#endif

// MARK: Gradient

// x̂, the normalised value, and δ, what reaches the value before the activation.
#define NORMAL ((LOAD(x) - MEAN) * DEVIATION)
#ifdef HAS_SLOPE
#define DELTA (LOAD(cotangent) * finished(normal * SCALE + SHIFT, (VECTOR)0))
#else
#define DELTA LOAD(cotangent)
#endif

// What is summed, with and without the normalised value: of a channel δ, of a group δ·scale. Where
// they are the same, scale is a common factor and comes in afterwards.
#if defined(BY_CHANNEL) || defined(CHANNEL_IS_GROUP)
#define TERM delta
#else
#define TERM (delta * SCALE)
#endif

#define GRADIENT_SUMS                                                          \
  VECTOR sums[STRIPS], products[STRIPS];                                       \
  EACH_STRIP sums[s] = products[s] = (VECTOR)0;                                \
  EACH_VECTOR(                                                                 \
    const VECTOR normal = NORMAL;                                              \
    const VECTOR delta = DELTA;                                                \
    KEEP(normals, normal);                                                     \
    KEEP(deltas, delta);                                                       \
    const VECTOR term = TERM;                                                  \
    sums[s] += ONLY(term);                                                     \
    products[s] += ONLY(term * normal);)                                       \
  SUM_LANES(sums);                                                             \
  SUM_LANES(products)

// From a group's sums to what is taken from each element's gradient: a constant, and a multiple of
// the normalised value.
#ifdef SUBTRACTS_MEAN
#define COMMON_PART(sum, count) ((sum) / (count))
#else
#define COMMON_PART(sum, count) 0
#endif
#if defined(SUM_OF_SQUARES)
#define NORMAL_PART(product, count) (product)
#elif defined(DIVIDES)
#define NORMAL_PART(product, count) ((product) / (count))
#else
#define NORMAL_PART(product, count) 0
#endif

// dx = deviation·(δ·scale − common − x̂·multiple)
#define ELEMENT_GRADIENTS                                                      \
  EACH_VECTOR(                                                                 \
    const VECTOR normal = KEPT(normals, NORMAL);                               \
    const VECTOR delta = KEPT(deltas, DELTA);                                  \
    store_elements(                                                            \
        x_gradient + j,                                                        \
        DEVIATION * (delta * SCALE - common[s] - normal * multiple[s]), count);)

#ifndef BY_CHANNEL
// Work size: as `normalize_sets`.
// All of the gradient of groups that are not divided into chunks; where a group is a channel, that
// of scale and shift too.
// Memory: x and the cotangent are read from memory once, then from cache; dx is written once.
#if WANTED(set_gradients)
KERNEL(GROUP_SIZE, 1)
void set_gradients(
    __global const SCALAR *cotangent, __global const SCALAR *x, __global const SCALAR *mean,
    __global const SCALAR *deviation, __global const SCALAR *scale, __global const SCALAR *shift,
    __global SCALAR *x_gradient, __global SCALAR *scale_gradient, __global SCALAR *shift_gradient,
    const struct layout of WORK_ITEM) {
  LOCAL_SLOTS(SCALAR, slots);
  BEGIN;
  x += of.x + model_start;
  cotangent += of.cotangent + model_start;
  x_gradient += of.x_gradient + model_start;
  DECLARE_GROUPS;
  DECLARE_CHANNELS;
  DECLARE_KEPT(normals);
  DECLARE_KEPT(deltas);
  GRADIENT_SUMS;
  VECTOR common[STRIPS], multiple[STRIPS];
  EACH_STRIP {
#ifdef CHANNEL_IS_GROUP
    if (scale_gradient) STORE_SETS(scale_gradient, products[s]);
    if (shift_gradient) STORE_SETS(shift_gradient, sums[s]);
    sums[s] *= scales[s];
    products[s] *= scales[s];
#endif
    common[s] = (VECTOR)COMMON_PART(sums[s], length);
    multiple[s] = (VECTOR)NORMAL_PART(products[s], length);
  }
  ELEMENT_GRADIENTS
}
#endif
#endif

// Work size: as `moments`.
// Sums over a chunk of each set, group or channel.
// Memory: x and the cotangent are read once.
#if WANTED(gradient_sums)
KERNEL(GROUP_SIZE, 1)
void gradient_sums(
    __global const SCALAR *cotangent, __global const SCALAR *x, __global const SCALAR *mean,
    __global const SCALAR *deviation, __global const SCALAR *scale, __global const SCALAR *shift,
    __global SCALAR *partials, const struct layout of WORK_ITEM) {
  LOCAL_SLOTS(SCALAR, slots);
  BEGIN;
  x += of.x + model_start;
  cotangent += of.cotangent + model_start;
  DECLARE_GROUPS;
  DECLARE_CHANNELS;
  GRADIENT_SUMS;
  STORE_PARTIALS(sums, products);
}
#endif

// Work size: a work-item for each model and LANES sets, rounded up.
// Adds the chunks' sums in order. Those of channels are the gradients of scale and shift; those of
// groups are left in place of the first partial result, as what is taken from each element.
// Memory: the partial results are read once.
#if WANTED(merge_sums)
KERNEL(GROUP_SIZE, 1)
void merge_sums(
    __global SCALAR *partials, __global const SCALAR *scale, __global SCALAR *scale_gradient,
    __global SCALAR *shift_gradient, const struct layout of WORK_ITEM) {
  BEGIN_MERGE;
  VECTOR sums = load_lanes(PARTIALS(0), width);
  VECTOR products = load_lanes(PARTIALS(0) + of.sets, width);
  for (INDEX chunk = 1; chunk < of.chunks; ++chunk) {
    sums += load_lanes(PARTIALS(chunk), width);
    products += load_lanes(PARTIALS(chunk) + of.sets, width);
  }
#if defined(BY_CHANNEL) || defined(CHANNEL_IS_GROUP)
  if (scale_gradient)
    store_lanes(scale_gradient + of.scale_gradient + SET_NUMBER, products, width);
  if (shift_gradient) store_lanes(shift_gradient + of.shift_gradient + SET_NUMBER, sums, width);
#endif
#ifndef BY_CHANNEL
#ifdef CHANNEL_IS_GROUP
  if (scale) {
    const VECTOR scales = load_lanes(scale + of.scale + SET_NUMBER, width);
    sums *= scales;
    products *= scales;
  }
#endif
  const SCALAR count = (SCALAR)(of.outer * of.inner);
  store_lanes(PARTIALS(0), (VECTOR)COMMON_PART(sums, count), width);
  store_lanes(PARTIALS(0) + of.sets, (VECTOR)NORMAL_PART(products, count), width);
#endif
}
#endif

#ifndef BY_CHANNEL
// Work size: as `moments`.
// The gradient of a chunk's elements, with what `merge_sums` left in the partial results.
// Memory: x and the cotangent are read and dx is written once.
#if WANTED(element_gradients)
KERNEL(GROUP_SIZE, 1)
void element_gradients(
    __global const SCALAR *cotangent, __global const SCALAR *x, __global const SCALAR *mean,
    __global const SCALAR *deviation, __global const SCALAR *scale, __global const SCALAR *shift,
    __global const SCALAR *partials, __global SCALAR *x_gradient,
    const struct layout of WORK_ITEM) {
  BEGIN;
  x += of.x + model_start;
  cotangent += of.cotangent + model_start;
  x_gradient += of.x_gradient + model_start;
  DECLARE_GROUPS;
  DECLARE_CHANNELS;
  VECTOR common[STRIPS], multiple[STRIPS];
  EACH_STRIP {
    common[s] = load_sets(PARTIALS(0) + s * LANES, widths[s]);
    multiple[s] = load_sets(PARTIALS(0) + of.sets + s * LANES, widths[s]);
  }
  ELEMENT_GRADIENTS
}
#endif
#endif
