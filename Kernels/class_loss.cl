// Losses of rows of class scores: cross-entropy and divergence of softmax, and the hinge.
//
// LOSS           CROSS_ENTROPY, DIVERGENCE or HINGE.
// DISTRIBUTIONS  Defined where the targets are distributions; without it they are labels.
// WEIGHTS        Defined where classes have weights.
// TARGET_GRADIENT  Defined where the gradient with respect to the distributions is wanted.
// TYPE_TARGETS   The C type of the targets.
// LANES          The elements that a work-item treats side by side.
// ROWS           Defined where these are of neighbouring rows, one in each, as is best for few
//                classes; else they are neighbours within a row. What is known of a row, such as its
//                label, is in each of its lanes.
// GROUP_SIZE     The work-items that share a row; 1 with ROWS.

#include "group.clh"
#include "vector.clh"
#include "exponential.clh"

#define CROSS_ENTROPY 0
#define DIVERGENCE 1
#define HINGE 2

#ifndef LOSS
#define LOSS CROSS_ENTROPY
#endif

// The vectors of scores whose exponentials are counted from the same number.
#ifdef ROWS
#define BLOCK 16
#else
#define BLOCK 8
#endif

#ifndef TYPE_TARGETS
#define TYPE_TARGETS int
#endif

// Integers as wide as a SCALAR, which comparisons of lanes are made of.
#ifdef FLOAT64
#define WORD long
#else
#define WORD int
#endif
#define WORDS WIDE(WORD)

struct rows {
  INDEX rows, classes;
  INDEX scores, gradient, target_gradient;
  INDEX targets, targets_stride;
  INDEX weights, weights_stride;
  INDEX losses, losses_stride;
  INDEX statistics;
  INDEX cotangent, cotangent_stride;
};

#define LARGER(a, b) ((a) > (b) ? (a) : (b))
#define PLUS(a, b) ((a) + (b))

// MARK: Rows and classes in lanes

#ifdef ROWS

#define FIRST_ROW (get_group_id(0) * LANES)
// How many of the lanes have a row.
#define COUNT ((uint)min((INDEX)LANES, of.rows - first_row))
#define ROW_OF(lane) (first_row + min(lane, count - 1))

#define FIRST_CLASSES 0
#define CLASS_STEP 1
// The numbers of the classes in the lanes, and whether there are such.
#define CLASS_NUMBERS(j) ((WORDS)(WORD)(j))
#define ONLY_CLASSES(j, x) (x)

INLINED VECTOR load_classes(
    __global const SCALAR *matrix, const INDEX j, const INDEX classes, const uint count,
    const SCALAR filler) {
  return count == LANES ? load_apart(matrix, j, classes, LANES)
                        : load_apart(matrix, j, classes, count);
}

INLINED void store_classes(
    __global SCALAR *matrix, const INDEX j, const INDEX classes, const uint count,
    const VECTOR x) {
  store_apart(matrix, j, classes, x, count);
}

#define COMBINE(lanes, combine)

#else

#define FIRST_ROW get_group_id(0)
#define COUNT 1
#define ROW_OF(lane) first_row

#define FIRST_CLASSES (get_local_id(0) * LANES)
#define CLASS_STEP (GROUP_SIZE * LANES)

INLINED WORDS class_numbers(const INDEX first) {
  WORD part[LANES];
  EACH_LANE part[lane] = (WORD)(first + lane);
  return VLOAD(part);
}
#define CLASS_NUMBERS(j) class_numbers(j)
#define ONLY_CLASSES(j, x) (CLASS_NUMBERS(j) < (WORD)of.classes ? (x) : (VECTOR)0)

INLINED VECTOR load_classes(
    __global const SCALAR *matrix, const INDEX j, const INDEX classes, const uint count,
    const SCALAR filler) {
  return j + LANES <= classes ? load_input(matrix + j)
                              : load_part(matrix + j, (uint)(classes - j), filler);
}

INLINED void store_classes(
    __global SCALAR *matrix, const INDEX j, const INDEX classes, const uint count,
    const VECTOR x) {
  if (j + LANES <= classes)
    store_output(x, matrix + j);
  else
    store_part(matrix + j, x, (uint)(classes - j));
}

// Leaves the combination of all lanes and work-items in each lane.
#define COMBINE(lanes, combine)                                                \
  do {                                                                         \
    SCALAR part[LANES];                                                        \
    VSTORE(lanes, part);                                                       \
    UNROLL for (uint half_lanes = LANES / 2; half_lanes > 0; half_lanes /= 2)  \
      UNROLL for (uint lane = 0; lane < half_lanes; ++lane)                    \
        part[lane] = combine(part[lane], part[lane + half_lanes]);             \
    COMBINE_GROUP(part[0], slots, combine);                                    \
    lanes = (VECTOR)part[0];                                                   \
  } while (0)

#endif

#define EACH_CLASSES(j)                                                        \
  for (INDEX j = FIRST_CLASSES; j < of.classes; j += CLASS_STEP)

// Which rows a work-item has.
#define BEGIN                                                                  \
  const INDEX first_row = FIRST_ROW;                                           \
  const uint count = COUNT;                                                    \
  scores += of.scores + first_row * of.classes

// Defines what is known of each row: an expression of `row`.
#define FOR_ROWS(type, name, expression)                                       \
  type name##_part[LANES];                                                     \
  EACH_LANE {                                                                  \
    const INDEX row = ROW_OF(lane);                                            \
    name##_part[lane] = expression;                                            \
  }                                                                            \
  const WIDE(type) name = VLOAD(name##_part)

// Where the statistics of rows lie: [2, rows].
#define STATISTIC(k, row) (of.statistics + (k) * of.rows + (row))

// The scores, −∞ where there is no class: that is no maximum, and its exponential is 0.
#define SCORES(j) load_classes(scores, j, of.classes, count, -INFINITY)

// MARK: Targets and coefficients

// The label of each row, −1 where it names no class, and whether it names one.
#ifdef DISTRIBUTIONS
#define READ_TARGETS targets += of.targets + first_row * of.classes
#define ONLY_KNOWN(x) (x)
#define TARGETS(j) load_classes(targets, j, of.classes, count, 0)
#define HAVE_TARGET(j) true
#else
static WORD label_of(const long label, const INDEX classes) {
  return label >= 0 && label < (long)classes ? (WORD)label : -1;
}
#define READ_TARGETS                                                           \
  FOR_ROWS(                                                                    \
      WORD, label,                                                             \
      label_of(targets[of.targets + row * of.targets_stride], of.classes))
#define ONLY_KNOWN(x) (label >= 0 ? (x) : (VECTOR)NAN)
#define TARGETS(j) (CLASS_NUMBERS(j) == label ? (VECTOR)1 : (VECTOR)0)
// Whether one of the classes in the lanes may be the label.
#ifdef ROWS
#define HAVE_TARGET(j) true
#else
#define HAVE_TARGET(j) ((INDEX)label_part[0] - (j) < LANES)
#endif
#endif

// The classes' weights.
#ifdef WEIGHTS
#define WEIGHT(j) weights[of.weights + (j) * of.weights_stride]
#ifdef ROWS
#define CLASS_WEIGHTS(j) ((VECTOR)WEIGHT(j))
#else
#define CLASS_WEIGHTS(j)                                                       \
  load_apart(                                                                  \
      weights, of.weights + (j) * of.weights_stride, of.weights_stride,        \
      (uint)min((INDEX)LANES, of.classes - (j)))
#endif
#else
#define WEIGHT(j) 1
#define CLASS_WEIGHTS(j) ((VECTOR)1)
#endif

// What a class counts for: its weight times the target, of which a share is kept, and what every
// class has besides. HAS_TOTAL says that their sum is not the same for every row.
#if defined(DISTRIBUTIONS) || defined(WEIGHTS)
#define HAS_TOTAL
#endif
#define COEFFICIENTS(j)                                                        \
  (CLASS_WEIGHTS(j) * (HAVE_TARGET(j) ? share * TARGETS(j) + spread : (VECTOR)spread))

#ifndef DISTRIBUTIONS
// The score and the weight of each row's label; of no matter where it names no class.
#define READ_CORRECT                                                           \
  SCALAR correct_part[LANES], weight_part[LANES];                              \
  EACH_LANE {                                                                  \
    const WORD own = label_part[lane];                                         \
    const INDEX start = (ROW_OF(lane) - first_row) * of.classes;               \
    correct_part[lane] = own < 0 ? 0 : scores[start + own];                    \
    weight_part[lane] = own < 0 ? 1 : WEIGHT(own);                             \
  }                                                                            \
  const VECTOR correct = VLOAD(correct_part), weight = VLOAD(weight_part)
#endif

#if LOSS == HINGE
// 1 where a class costs something, too near to the label's score or above it; else 0.
#define COSTS(j, excess)                                                       \
  ONLY_CLASSES(                                                                \
      j, (CLASS_NUMBERS(j) == label) || ((excess) <= 0) || (label < 0)         \
          ? (VECTOR)0                                                          \
          : (VECTOR)1)
#endif

// MARK: Kernels

// Work size: a work-group for each row; with ROWS a work-item for LANES rows, rounded up.
// Computes the loss of each row, and the statistics that the gradient needs. The numbers are share
// and spread of the coefficients; of the hinge they are the margin and 1 / classes.
// Memory: scores are read once; where more than the label's class has a coefficient, scores and
// distributions are read once more, from cache.
#if WANTED(class_loss)
KERNEL(GROUP_SIZE, 1)
void class_loss(
    __global const SCALAR *scores, __global const TYPE_TARGETS *targets,
    __global const SCALAR *weights, __global SCALAR *losses, __global SCALAR *statistics,
    const SCALAR share, const SCALAR spread, const struct rows of WORK_ITEM) {
  LOCAL_SLOTS(SCALAR, slots);
  BEGIN;
  READ_TARGETS;
  VECTOR loss = (VECTOR)0, statistic = (VECTOR)0, maximum = (VECTOR)0;

#if LOSS == HINGE
  const SCALAR margin = share;
  READ_CORRECT;
  EACH_CLASSES(j) {
    const VECTOR excess = margin + (SCORES(j) - correct);
    const VECTOR costs = COSTS(j, excess);
    loss += costs != 0 ? excess : (VECTOR)0;
    statistic += costs;
  }
  COMBINE(statistic, PLUS);
  COMBINE(loss, PLUS);
  loss *= weight * spread;
#else
  // Each lane's sum is counted from its own maximum so far, so that the scores are read once, and
  // while they come the last are computed.
  VECTOR greatest = (VECTOR)(-INFINITY);
  for (INDEX block = FIRST_CLASSES; block < of.classes; block += BLOCK * CLASS_STEP) {
    VECTOR x[BLOCK], next = greatest;
    UNROLL for (uint i = 0; i < BLOCK; ++i) {
      const INDEX j = block + i * CLASS_STEP;
      if (j < of.classes) {
        x[i] = SCORES(j);
        next = LARGER(next, x[i]);
      }
    }
    // A lane that has had no score but −∞ yet counts from 0.
    const VECTOR origin = next == (VECTOR)(-INFINITY) ? (VECTOR)0 : next;
    if (block > FIRST_CLASSES) statistic *= exponential(greatest - origin);
    UNROLL for (uint i = 0; i < BLOCK; ++i)
      if (block + i * CLASS_STEP < of.classes) statistic += exponential(x[i] - origin);
    greatest = next;
  }
  maximum = greatest;
  COMBINE(maximum, LARGER);
  statistic *= exponential(greatest - maximum);
  COMBINE(statistic, PLUS);
  statistic = log(statistic);
  maximum = statistic == statistic ? maximum : statistic;

  // The differences from the maximum are small, unlike the two terms themselves.
#ifdef DISTRIBUTIONS
#define SHARED_COEFFICIENTS(j) ONLY_CLASSES(j, COEFFICIENTS(j))
#define IS_SHARED true
#else
  READ_CORRECT;
  const VECTOR own = weight * share;
  loss = own == 0 ? (VECTOR)0 : own * (statistic - (correct - maximum));
#define SHARED_COEFFICIENTS(j) ONLY_CLASSES(j, CLASS_WEIGHTS(j) * spread)
#define IS_SHARED (spread != 0)
#endif
  if (IS_SHARED) {
    VECTOR shared = (VECTOR)0;
    EACH_CLASSES(j) {
      const VECTOR coefficient = SHARED_COEFFICIENTS(j);
      VECTOR cost = statistic - (SCORES(j) - maximum);
#if LOSS == DIVERGENCE
      cost += log(coefficient);
#endif
      shared += coefficient == 0 ? (VECTOR)0 : coefficient * cost;
    }
    COMBINE(shared, PLUS);
    loss += shared;
  }
#endif

  if (get_local_id(0) == 0) {
    store_apart(statistics, STATISTIC(0, first_row), 1, statistic, count);
    store_apart(statistics, STATISTIC(1, first_row), 1, maximum, count);
    store_apart(
        losses, of.losses + first_row * of.losses_stride, of.losses_stride, ONLY_KNOWN(loss),
        count);
  }
}
#endif

// Work size: as `class_loss`.
// Finds the sum of each row's coefficients, where it is not always the same, then computes the
// gradients. The numbers are those of class_loss.
// Memory: scores are read once and distributions once more, from cache; each gradient is written
// once.
#if WANTED(class_loss_gradient)
KERNEL(GROUP_SIZE, 1)
void class_loss_gradient(
    __global const SCALAR *cotangent, __global const SCALAR *scores,
    __global const TYPE_TARGETS *targets, __global const SCALAR *weights,
    __global const SCALAR *statistics, __global SCALAR *gradient,
    __global SCALAR *target_gradient, const SCALAR share, const SCALAR spread,
    const struct rows of WORK_ITEM) {
  LOCAL_SLOTS(SCALAR, slots);
  BEGIN;
  gradient += of.gradient + first_row * of.classes;
  target_gradient += of.target_gradient + first_row * of.classes;
  READ_TARGETS;
  FOR_ROWS(SCALAR, statistic, statistics[STATISTIC(0, row)]);
  FOR_ROWS(SCALAR, maximum, statistics[STATISTIC(1, row)]);
  FOR_ROWS(SCALAR, factor_if_known, cotangent[of.cotangent + row * of.cotangent_stride]);
  const VECTOR factor = ONLY_KNOWN(factor_if_known);

#if LOSS == HINGE
  const SCALAR margin = share;
  READ_CORRECT;
  const VECTOR scale = factor * (weight * spread);
  EACH_CLASSES(j) {
    const VECTOR excess = margin + (SCORES(j) - correct);
    const VECTOR costs = COSTS(j, excess);
    store_classes(
        gradient, j, of.classes, count,
        (CLASS_NUMBERS(j) == label ? -statistic : costs) * scale);
  }
#else
#ifdef HAS_TOTAL
  VECTOR total = (VECTOR)0;
  EACH_CLASSES(j) total += ONLY_CLASSES(j, COEFFICIENTS(j));
  COMBINE(total, PLUS);
#else
  const VECTOR total = (VECTOR)(share + spread * (SCALAR)of.classes);
#endif

  EACH_CLASSES(j) {
    const VECTOR coefficient = COEFFICIENTS(j);
    // −log of the probability.
    const VECTOR cost = statistic - (SCORES(j) - maximum);
    store_classes(
        gradient, j, of.classes, count, (exponential(-cost) * total - coefficient) * factor);
#ifdef TARGET_GRADIENT
#if LOSS == DIVERGENCE
    const VECTOR slope = coefficient == 0 ? (VECTOR)0 : cost + (log(coefficient) + 1);
#else
    const VECTOR slope = cost;
#endif
    store_classes(
        target_gradient, j, of.classes, count, CLASS_WEIGHTS(j) * share * slope * factor);
#endif
  }
#endif
}
#endif
