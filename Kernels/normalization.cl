// Normalising groups of elements, and the gradient of that.
//
// A model's elements are walked by sets. A set is what one sum runs over: a group, which shares
// mean and deviation, or (BY_CHANNEL) a channel, which shares scale and shift. The elements of a
// model lie as [outer, sets, inner]. Where a set has too many, its outer × inner positions are
// divided into chunks that each fit into cache; partial results are then merged in order.
//
// COLUMNS    Defined where inner is 1: a work-item walks LANES neighbouring sets down the outer
//            axis. Otherwise a work-group walks one set along the inner axis, its work-items or
//            lanes side by side.
// LANES      How many elements a work-item treats side by side: as many as a vector has on CPU
//            devices, 1 on GPUs.
// GROUP_SIZE The size of a work-group.
// BY_CHANNEL Defined where a set is a channel, for the sums of its gradients.
// CHANNEL_IS_GROUP  Defined where each group is one channel, as in batch normalisation.
// SUBTRACTS_MEAN, DIVIDES, SUM_OF_SQUARES  The mode: whether x̂ has mean 0; whether it is divided by
//            a spread; and whether that is a sum rather than a mean.
// ACTIVATION Statements that return a function of x0, the scaled and shifted value: forward the
//            activation, in the gradient (with HAS_SLOPE) its derivative.
//
// Scale, shift and their gradients may be null.

#include "common.clh"
#include "expression.clh"
#include "group.clh"

#ifndef LANES
#define LANES 1
#endif

#if !defined(SUBTRACTS_MEAN) && !defined(DIVIDES)
#define SUBTRACTS_MEAN
#define DIVIDES
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

// MARK: Walking

#ifdef COLUMNS
#define SETS LANES
#define TASK get_global_id(0)
#define SET_OF(lane) (lane)
// The number of work-items is rounded up. Work-groups are as many as there is work for, and none of
// them returns early: PoCL then takes the first work-item's way behind a barrier for everyone's.
#define RETURN_IF_IDLE if (model >= of.models) return
#else
#define SETS 1
#define TASK get_group_id(0)
#define SET_OF(lane) 0
#define RETURN_IF_IDLE
#endif

#define EACH_SET(s) UNROLL for (uint s = 0; s < SETS; ++s) if (s < width)
#define EACH_LANE UNROLL for (uint lane = 0; lane < LANES; ++lane)

// Says which sets and which positions a work-item, or its work-group, has.
#define BEGIN                                                                  \
  const INDEX blocks = (of.sets + SETS - 1) / SETS;                            \
  const INDEX first_set = TASK % blocks * SETS;                                \
  const INDEX chunk = TASK / blocks % of.chunks;                               \
  const INDEX model = TASK / blocks / of.chunks;                               \
  RETURN_IF_IDLE;                                                              \
  const uint width = (uint)min((INDEX)SETS, of.sets - first_set);              \
  const INDEX begin = chunk * of.chunk_length;                                 \
  const INDEX end = min(of.outer * of.inner, begin + of.chunk_length);         \
  const INDEX model_start = model * of.outer * of.sets * of.inner

// Runs statements for each element, where `j` is its number within the model and `lane` the one of
// the accumulators that it is for; what is stored comes after what is computed for all lanes, since
// the output may be an operand. A lane's number is known wherever it stands, so that accumulators
// are registers; what is left at an end is guarded, not shortened.
#define EACH_ELEMENT(STATEMENTS) EACH_ELEMENT_STORED(STATEMENTS, )
#define EACH_GUARDED_LANE(START, GUARD, STATEMENTS, STORE)                     \
  EACH_LANE GUARD { const INDEX j = START + lane; STATEMENTS }                 \
  EACH_LANE GUARD { const INDEX j = START + lane; STORE }
#ifdef COLUMNS
#define EACH_ELEMENT_STORED(STATEMENTS, STORE)                                 \
  for (INDEX r = begin; r < end; ++r) {                                        \
    const INDEX start = r * of.sets + first_set;                               \
    if (width == LANES) {                                                      \
      EACH_GUARDED_LANE(start, , STATEMENTS, STORE)                            \
    } else {                                                                   \
      EACH_GUARDED_LANE(start, if (lane < width), STATEMENTS, STORE)           \
    }                                                                          \
  }
#elif GROUP_SIZE == 1
#define EACH_ELEMENT_STORED(STATEMENTS, STORE)                                 \
  for (INDEX r = begin; r < end;) {                                            \
    const INDEX o = r / of.inner;                                              \
    const INDEX run = min((o + 1) * of.inner, end) - r;                        \
    const INDEX start = r + (o * (of.sets - 1) + first_set) * of.inner;        \
    INDEX done = 0;                                                            \
    for (; done + LANES <= run; done += LANES) {                               \
      EACH_GUARDED_LANE(start + done, , STATEMENTS, STORE)                     \
    }                                                                          \
    EACH_GUARDED_LANE(start + done, if (done + lane < run), STATEMENTS, STORE) \
    r += run;                                                                  \
  }
#else
#define EACH_ELEMENT_STORED(STATEMENTS, STORE)                                 \
  for (INDEX r = begin + get_local_id(0); r < end; r += GROUP_SIZE) {          \
    const INDEX j = r + (r / of.inner * (of.sets - 1) + first_set) * of.inner; \
    const uint lane = 0;                                                       \
    STATEMENTS                                                                 \
    STORE                                                                      \
  }
#endif

// From accumulators to one sum for each set.
#define PLUS(a, b) ((a) + (b))
#ifdef COLUMNS
#define SUM_LANES(lanes, sums) EACH_LANE sums[lane] = lanes[lane]
#else
#define SUM_LANES(lanes, sums)                                                 \
  do {                                                                         \
    UNROLL for (uint half_lanes = LANES / 2; half_lanes > 0; half_lanes /= 2)  \
      UNROLL for (uint lane = 0; lane < half_lanes; ++lane)                    \
        lanes[lane] += lanes[lane + half_lanes];                               \
    COMBINE_GROUP(lanes[0], slots, PLUS);                                      \
    sums[0] = lanes[0];                                                        \
  } while (0)
#endif

// One work-item writes what a work-group found.
#ifdef COLUMNS
#define IS_WRITER 1
#else
#define IS_WRITER (get_local_id(0) == 0)
#endif

// The number of a set's value, and of its partial result, among those of all models.
#define SET_NUMBER(s) (model * of.sets + first_set + (s))
#define PARTIAL_NUMBER(s) (SET_NUMBER(s) * of.chunks + chunk)

// Scale and shift of an element: those of its set, or looked up.
#if defined(BY_CHANNEL) || defined(CHANNEL_IS_GROUP)
#define DECLARE_CHANNELS                                                       \
  SCALAR scales[SETS], shifts[SETS];                                           \
  EACH_SET(s) {                                                                \
    scales[s] = scale ? scale[of.scale + SET_NUMBER(s)] : REAL(1.0);           \
    shifts[s] = shift ? shift[of.shift + SET_NUMBER(s)] : REAL(0.0);           \
  }
#define SCALE scales[SET_OF(lane)]
#define SHIFT shifts[SET_OF(lane)]
#else
#define DECLARE_CHANNELS
#define CHANNEL_NUMBER (model * of.channels + j / of.channel_stride % of.channels)
#define SCALE (scale ? scale[of.scale + CHANNEL_NUMBER] : REAL(1.0))
#define SHIFT (shift ? shift[of.shift + CHANNEL_NUMBER] : REAL(0.0))
#endif

// Mean and deviation of an element: those of its set, or looked up.
#ifdef BY_CHANNEL
#define DECLARE_GROUPS
#define GROUP_NUMBER (model * of.groups + j / of.group_inner % of.groups)
#define MEAN mean[of.mean + GROUP_NUMBER]
#define DEVIATION deviation[of.deviation + GROUP_NUMBER]
#else
#define DECLARE_GROUPS                                                         \
  SCALAR means[SETS], deviations[SETS];                                        \
  EACH_SET(s) {                                                                \
    means[s] = mean[of.mean + SET_NUMBER(s)];                                  \
    deviations[s] = deviation[of.deviation + SET_NUMBER(s)];                   \
  }
#define MEAN means[SET_OF(lane)]
#define DEVIATION deviations[SET_OF(lane)]
#endif

#ifndef BY_CHANNEL

// MARK: Forward

// The factor that a set's centred values get, of the sum of their squares.
static SCALAR inverse_deviation(const SCALAR squares, const SCALAR count, const SCALAR epsilon) {
#if defined(SUM_OF_SQUARES)
  return REAL(1.0) / sqrt(squares + epsilon);
#elif defined(DIVIDES)
  return REAL(1.0) / sqrt(squares / count + epsilon);
#else
  return REAL(1.0);
#endif
}

// Defines `means` and `squares`, the sum of squared distances from the mean, of a chunk.
// Source: T. F. Chan, G. H. Golub, R. J. LeVeque, "Algorithms for computing the sample variance",
// 1983.
#if defined(SUBTRACTS_MEAN) && defined(COLUMNS)
// One pass, for the rows of a column are too far apart to stay in cache: blocks of rows are held in
// registers, and merged as in `merge_moments`. All is counted from the first row, so that what is
// merged is small where the mean is large.
#define BLOCK 8
#define MOMENTS                                                                \
  SCALAR origins[LANES], means[SETS], squares[SETS];                           \
  EACH_LANE {                                                                  \
    origins[lane] = lane < width ? x[begin * of.sets + first_set + lane] : 0;  \
    means[lane] = squares[lane] = 0;                                           \
  }                                                                            \
  for (INDEX block = begin; block < end; block += BLOCK) {                     \
    const uint rows = (uint)min((INDEX)BLOCK, end - block);                    \
    SCALAR values[BLOCK][LANES];                                               \
    UNROLL for (uint r = 0; r < BLOCK; ++r) {                                  \
      const INDEX start = (block + r) * of.sets + first_set;                   \
      if (rows == BLOCK && width == LANES) {                                   \
        EACH_LANE values[r][lane] = x[start + lane] - origins[lane];           \
      } else {                                                                 \
        EACH_LANE values[r][lane] =                                            \
            r < rows && lane < width ? x[start + lane] - origins[lane] : 0;    \
      }                                                                        \
    }                                                                          \
    const SCALAR share = (SCALAR)rows;                                         \
    const SCALAR weight = share / (SCALAR)(block - begin + rows);              \
    const SCALAR product_weight = (SCALAR)(block - begin) * weight;            \
    EACH_LANE {                                                                \
      SCALAR centre = 0, distances = 0;                                        \
      UNROLL for (uint r = 0; r < BLOCK; ++r) centre += values[r][lane];       \
      centre /= share;                                                         \
      UNROLL for (uint r = 0; r < BLOCK; ++r) {                                \
        const SCALAR distance = r < rows ? values[r][lane] - centre : 0;       \
        distances += distance * distance;                                      \
      }                                                                        \
      const SCALAR distance = centre - means[lane];                            \
      means[lane] += distance * weight;                                        \
      squares[lane] += distances + distance * distance * product_weight;       \
    }                                                                          \
  }                                                                            \
  EACH_LANE means[lane] += origins[lane];
#elif defined(SUBTRACTS_MEAN)
// Two passes, the second of which also finds by how much the first mean was off, and corrects both
// for it (equation 1.7).
#define MOMENTS                                                                \
  SCALAR lanes[LANES], square_lanes[LANES];                                    \
  SCALAR means[SETS], squares[SETS], errors[SETS];                             \
  EACH_LANE lanes[lane] = 0;                                                   \
  EACH_ELEMENT(lanes[lane] += x[j];)                                           \
  SUM_LANES(lanes, means);                                                     \
  for (uint s = 0; s < SETS; ++s) means[s] /= (SCALAR)(end - begin);           \
  EACH_LANE lanes[lane] = square_lanes[lane] = 0;                              \
  EACH_ELEMENT(                                                                \
    const SCALAR centred = x[j] - means[SET_OF(lane)];                         \
    lanes[lane] += centred;                                                    \
    square_lanes[lane] += centred * centred;)                                  \
  SUM_LANES(lanes, errors);                                                    \
  SUM_LANES(square_lanes, squares);                                            \
  for (uint s = 0; s < SETS; ++s) {                                            \
    squares[s] -= errors[s] * (errors[s] / (SCALAR)(end - begin));             \
    means[s] += errors[s] / (SCALAR)(end - begin);                             \
  }
#else
#define MOMENTS                                                                \
  SCALAR lanes[LANES], means[SETS], squares[SETS];                             \
  EACH_LANE lanes[lane] = 0;                                                   \
  EACH_ELEMENT(lanes[lane] += x[j] * x[j];)                                    \
  SUM_LANES(lanes, squares);                                                   \
  for (uint s = 0; s < SETS; ++s) means[s] = 0;
#endif

#define NORMALIZE_ELEMENTS                                                     \
  SCALAR outputs[LANES];                                                       \
  EACH_ELEMENT_STORED(                                                         \
    outputs[lane] = activation((x[j] - MEAN) * DEVIATION * SCALE + SHIFT);,    \
    y[j] = outputs[lane];)

// Work size: rows: a work-group for each set; columns: a work-item for LANES sets, rounded up.
// All of the normalisation of sets that are not divided into chunks.
// Memory: x is read from memory once, then from cache; y is written once.
KERNEL(GROUP_SIZE, 1)
void normalize_sets(
    __global const SCALAR *x, __global const SCALAR *scale, __global const SCALAR *shift,
    __global SCALAR *y, __global SCALAR *mean, __global SCALAR *deviation, const SCALAR epsilon,
    const struct layout of WORK_ITEM) {
  LOCAL_SLOTS(SCALAR, slots);
  BEGIN;
  x += of.x + model_start;
  y += of.y + model_start;
  MOMENTS
  SCALAR deviations[SETS];
  EACH_SET(s) deviations[s] = inverse_deviation(squares[s], (SCALAR)(end - begin), epsilon);
  if (IS_WRITER) {
    EACH_SET(s) {
      mean[of.mean + SET_NUMBER(s)] = means[s];
      deviation[of.deviation + SET_NUMBER(s)] = deviations[s];
    }
  }
  DECLARE_CHANNELS
  NORMALIZE_ELEMENTS
}

// Work size: rows: a work-group for each set and chunk; columns: a work-item for LANES sets and a
// chunk, rounded up.
// Finds mean and sum of squares of each chunk.
// Memory: x is read from memory once, then from cache.
KERNEL(GROUP_SIZE, 1)
void moments(
    __global const SCALAR *x, __global SCALAR *partials, const struct layout of WORK_ITEM) {
  LOCAL_SLOTS(SCALAR, slots);
  BEGIN;
  x += of.x + model_start;
  MOMENTS
  if (IS_WRITER) {
    EACH_SET(s) {
      partials[2 * PARTIAL_NUMBER(s)] = means[s];
      partials[2 * PARTIAL_NUMBER(s) + 1] = squares[s];
    }
  }
}

// Work size: a work-item for each model and set, rounded up.
// Merges the chunks' moments in order, by Chan's formula: from counts n, means m and sums of squared
// distances M, with δ = m_b − m_a, the whole has the mean m_a + δ·n_b/n and M_a + M_b + δ²·n_a·n_b/n.
// Memory: the partial results are read once.
KERNEL(GROUP_SIZE, 1)
void merge_moments(
    __global const SCALAR *partials, __global SCALAR *mean, __global SCALAR *deviation,
    const SCALAR epsilon, const struct layout of WORK_ITEM) {
  const INDEX set = get_global_id(0);
  if (set >= of.models * of.sets) return;
  partials += 2 * set * of.chunks;
  const INDEX total = of.outer * of.inner;
  SCALAR merged_mean = partials[0], merged_squares = partials[1];
  for (INDEX chunk = 1; chunk < of.chunks; ++chunk) {
    const INDEX before = chunk * of.chunk_length;
    const SCALAR share = (SCALAR)min(of.chunk_length, total - before);
    const SCALAR weight = share / (SCALAR)min(before + of.chunk_length, total);
    const SCALAR distance = partials[2 * chunk] - merged_mean;
    merged_mean += distance * weight;
    merged_squares += partials[2 * chunk + 1] + distance * distance * ((SCALAR)before * weight);
  }
  mean[of.mean + set] = merged_mean;
  deviation[of.deviation + set] = inverse_deviation(merged_squares, (SCALAR)total, epsilon);
}

// Work size: as `moments`.
// Normalises the elements of a chunk, whose statistics are known.
// Memory: x is read and y is written once.
KERNEL(GROUP_SIZE, 1)
void normalize_elements(
    __global const SCALAR *x, __global const SCALAR *scale, __global const SCALAR *shift,
    __global SCALAR *y, __global const SCALAR *mean, __global const SCALAR *deviation,
    const struct layout of WORK_ITEM) {
  BEGIN;
  x += of.x + model_start;
  y += of.y + model_start;
  DECLARE_GROUPS
  DECLARE_CHANNELS
  NORMALIZE_ELEMENTS
}

#endif

// MARK: Gradient

// δ: what reaches the value before the activation.
#ifdef HAS_SLOPE
#define DELTA (cotangent[j] * activation(normal * SCALE + SHIFT))
#else
#define DELTA cotangent[j]
#endif

// What is summed, with and without the normalised value: of a channel δ, of a group δ·scale. Where
// they are the same, scale is a common factor and comes in afterwards.
#if defined(BY_CHANNEL) || defined(CHANNEL_IS_GROUP)
#define TERM DELTA
#else
#define TERM (DELTA * SCALE)
#endif

#define GRADIENT_SUMS                                                          \
  SCALAR lanes[LANES], product_lanes[LANES], sums[SETS], products[SETS];       \
  EACH_LANE lanes[lane] = product_lanes[lane] = 0;                             \
  EACH_ELEMENT(                                                                \
    const SCALAR normal = (x[j] - MEAN) * DEVIATION;                           \
    const SCALAR term = TERM;                                                  \
    lanes[lane] += term;                                                       \
    product_lanes[lane] += term * normal;)                                     \
  SUM_LANES(lanes, sums);                                                      \
  SUM_LANES(product_lanes, products)

// From a group's sums to what is taken from each element's gradient: a constant, and a multiple of
// the normalised value.
static SCALAR common_part(const SCALAR sum, const SCALAR count) {
#ifdef SUBTRACTS_MEAN
  return sum / count;
#else
  return REAL(0.0);
#endif
}
static SCALAR normal_part(const SCALAR product, const SCALAR count) {
#if defined(SUM_OF_SQUARES)
  return product;
#elif defined(DIVIDES)
  return product / count;
#else
  return REAL(0.0);
#endif
}

// dx = deviation·(δ·scale − common − x̂·multiple)
#define ELEMENT_GRADIENTS                                                      \
  SCALAR outputs[LANES];                                                       \
  EACH_ELEMENT_STORED(                                                         \
    const SCALAR normal = (x[j] - MEAN) * DEVIATION;                           \
    outputs[lane] = DEVIATION                                                  \
        * (DELTA * SCALE - common[SET_OF(lane)] - normal * multiple[SET_OF(lane)]);, \
    x_gradient[j] = outputs[lane];)

#ifndef BY_CHANNEL
// Work size: as `normalize_sets`.
// All of the gradient of groups that are not divided into chunks; where a group is a channel, that
// of scale and shift too.
// Memory: x and the cotangent are read from memory once, then from cache; dx is written once.
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
  DECLARE_GROUPS
  DECLARE_CHANNELS
  GRADIENT_SUMS;
  SCALAR common[SETS], multiple[SETS];
  EACH_SET(s) {
#ifdef CHANNEL_IS_GROUP
    if (IS_WRITER) {
      if (scale_gradient) scale_gradient[of.scale_gradient + SET_NUMBER(s)] = products[s];
      if (shift_gradient) shift_gradient[of.shift_gradient + SET_NUMBER(s)] = sums[s];
    }
    sums[s] *= scales[s];
    products[s] *= scales[s];
#endif
    common[s] = common_part(sums[s], (SCALAR)(end - begin));
    multiple[s] = normal_part(products[s], (SCALAR)(end - begin));
  }
  ELEMENT_GRADIENTS
}
#endif

// Work size: as `moments`.
// Sums over a chunk of each set, group or channel.
// Memory: x and the cotangent are read once.
KERNEL(GROUP_SIZE, 1)
void gradient_sums(
    __global const SCALAR *cotangent, __global const SCALAR *x, __global const SCALAR *mean,
    __global const SCALAR *deviation, __global const SCALAR *scale, __global const SCALAR *shift,
    __global SCALAR *partials, const struct layout of WORK_ITEM) {
  LOCAL_SLOTS(SCALAR, slots);
  BEGIN;
  x += of.x + model_start;
  cotangent += of.cotangent + model_start;
  DECLARE_GROUPS
  DECLARE_CHANNELS
  GRADIENT_SUMS;
  if (IS_WRITER) {
    EACH_SET(s) {
      partials[2 * PARTIAL_NUMBER(s)] = sums[s];
      partials[2 * PARTIAL_NUMBER(s) + 1] = products[s];
    }
  }
}

// Work size: a work-item for each model and set, rounded up.
// Adds the chunks' sums in order. Those of channels are the gradients of scale and shift; those of
// groups are left in place of the first partial result, as what is taken from each element.
// Memory: the partial results are read once.
KERNEL(GROUP_SIZE, 1)
void merge_sums(
    __global SCALAR *partials, __global const SCALAR *scale, __global SCALAR *scale_gradient,
    __global SCALAR *shift_gradient, const struct layout of WORK_ITEM) {
  const INDEX set = get_global_id(0);
  if (set >= of.models * of.sets) return;
  partials += 2 * set * of.chunks;
  SCALAR sum = partials[0], product = partials[1];
  for (INDEX chunk = 1; chunk < of.chunks; ++chunk) {
    sum += partials[2 * chunk];
    product += partials[2 * chunk + 1];
  }
#if defined(BY_CHANNEL) || defined(CHANNEL_IS_GROUP)
  if (scale_gradient) scale_gradient[of.scale_gradient + set] = product;
  if (shift_gradient) shift_gradient[of.shift_gradient + set] = sum;
#endif
#ifndef BY_CHANNEL
#ifdef CHANNEL_IS_GROUP
  const SCALAR factor = scale ? scale[of.scale + set] : REAL(1.0);
  sum *= factor;
  product *= factor;
#endif
  const SCALAR count = (SCALAR)(of.outer * of.inner);
  partials[0] = common_part(sum, count);
  partials[1] = normal_part(product, count);
#endif
}

#ifndef BY_CHANNEL
// Work size: as `moments`.
// The gradient of a chunk's elements, with what `merge_sums` left in the partial results.
// Memory: x and the cotangent are read and dx is written once.
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
  DECLARE_GROUPS
  DECLARE_CHANNELS
  SCALAR common[SETS], multiple[SETS];
  EACH_SET(s) {
    common[s] = partials[2 * SET_NUMBER(s) * of.chunks];
    multiple[s] = partials[2 * SET_NUMBER(s) * of.chunks + 1];
  }
  ELEMENT_GRADIENTS
}
#endif
