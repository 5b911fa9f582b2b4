// Softmax with cross-entropy over the rows of a matrix.
//
// TYPE_LABELS  The C type of the labels.
// GROUP_SIZE   The work-items that share a row.
// LANES        The classes that a work-item treats side by side.

#include "group.clh"
#include "vector.clh"

#ifndef TYPE_LABELS
#define TYPE_LABELS int
#endif

struct rows {
  INDEX classes;
  INDEX logits, gradient;
  INDEX labels, labels_stride;
  INDEX losses, losses_stride;
  INDEX log_sum_exp, log_sum_exp_stride;
  INDEX cotangent, cotangent_stride;
};

#define LARGER(a, b) ((a) > (b) || isnan(a) ? (a) : (b))
#define PLUS(a, b) ((a) + (b))

// The classes from the j-th on. Beyond the last one they are −∞, which changes no maximum and whose
// exponential is 0.
#define CLASSES(row, j)                                                        \
  ((j) + LANES <= of.classes ? VLOAD(row + (j))                                \
                             : load_part(row + (j), (uint)(of.classes - (j)), -INFINITY))

// Runs statements for each j that is a multiple of LANES, divided among the work-items.
#define EACH_CLASSES(j)                                                        \
  for (INDEX j = get_local_id(0) * LANES; j < of.classes; j += GROUP_SIZE * LANES)

// Combines what is in each lane, and in each work-item, in each work-item's own.
#define COMBINE(result, lanes, combine, slots)                                 \
  do {                                                                         \
    SCALAR part[LANES];                                                        \
    VSTORE(lanes, part);                                                       \
    result = part[0];                                                          \
    UNROLL for (uint lane = 1; lane < LANES; ++lane)                           \
      result = combine(result, part[lane]);                                    \
    COMBINE_GROUP(result, slots, combine);                                     \
  } while (0)

// Leaves a row's maximum, NaN if any element is, in each work-item's own.
#define GREATEST(result, row, slots)                                           \
  do {                                                                         \
    VECTOR greatest_lanes = (VECTOR)(-INFINITY);                               \
    EACH_CLASSES(j) {                                                          \
      const VECTOR x = CLASSES(row, j);                                        \
      greatest_lanes = LARGER(greatest_lanes, x);                              \
    }                                                                          \
    COMBINE(result, greatest_lanes, LARGER, slots);                            \
  } while (0)

// Whether a label names a class.
static int is_class(const long label, const INDEX classes) {
  return label >= 0 && label < (long)classes;
}

// Work size: a work-group for each row.
// The work-group finds the row's maximum, then the sum of the exponentials under it: losses[r] =
// log Σⱼ exp(logits[r, j]) − logits[r, labels[r]], and the first term by itself, less the maximum.
// Memory: the logits are read twice, the second time from cache.
KERNEL(GROUP_SIZE, 1)
void softmax_cross_entropy(
    __global const SCALAR *logits, __global const TYPE_LABELS *labels, __global SCALAR *losses,
    __global SCALAR *log_sum_exp, const struct rows of WORK_ITEM) {
  LOCAL_SLOTS(SCALAR, slots);
  const INDEX row = get_group_id(0);
  logits += of.logits + row * of.classes;
  SCALAR greatest;
  GREATEST(greatest, logits, slots);

  VECTOR sums = (VECTOR)0;
  EACH_CLASSES(j) sums += exp(CLASSES(logits, j) - greatest);
  SCALAR sum;
  COMBINE(sum, sums, PLUS, slots);

  if (get_local_id(0) == 0) {
    const SCALAR log_sum = log(sum);
    const long label = labels[of.labels + row * of.labels_stride];
    log_sum_exp[of.log_sum_exp + row * of.log_sum_exp_stride] = log_sum;
    // The differences from the maximum are small, unlike the two terms themselves.
    losses[of.losses + row * of.losses_stride] =
        is_class(label, of.classes) ? log_sum - (logits[label] - greatest) : (SCALAR)NAN;
  }
}

// Work size: a work-group for each row.
// The work-group finds the row's maximum; then each work-item computes its share of
// (softmax(logits)[r, j] − (j == labels[r])) · cotangent[r].
// Memory: the logits are read twice, the second time from cache, and the gradient is written once.
KERNEL(GROUP_SIZE, 1)
void softmax_cross_entropy_gradient(
    __global const SCALAR *cotangent, __global const SCALAR *logits,
    __global const TYPE_LABELS *labels, __global const SCALAR *log_sum_exp,
    __global SCALAR *gradient, const struct rows of WORK_ITEM) {
  LOCAL_SLOTS(SCALAR, slots);
  const INDEX row = get_group_id(0);
  logits += of.logits + row * of.classes;
  gradient += of.gradient + row * of.classes;
  const long label = labels[of.labels + row * of.labels_stride];
  const SCALAR total = log_sum_exp[of.log_sum_exp + row * of.log_sum_exp_stride];
  const SCALAR factor =
      is_class(label, of.classes) ? cotangent[of.cotangent + row * of.cotangent_stride] : NAN;
  SCALAR greatest;
  GREATEST(greatest, logits, slots);
  EACH_CLASSES(j) {
    const VECTOR share = exp(CLASSES(logits, j) - greatest - total);
    const uint count = (uint)min((INDEX)LANES, of.classes - j);
    SCALAR part[LANES];
    VSTORE(share, part);
    for (uint lane = 0; lane < count; ++lane)
      gradient[j + lane] = (part[lane] - ((long)(j + lane) == label ? 1 : 0)) * factor;
  }
}
