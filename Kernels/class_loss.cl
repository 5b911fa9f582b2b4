// Losses of rows of class scores: cross-entropy and divergence of softmax, and the hinge.
//
// LOSS           CROSS_ENTROPY, DIVERGENCE or HINGE.
// DISTRIBUTIONS  Defined where the targets are distributions; without it they are labels.
// WEIGHTS        Defined where classes have weights.
// TARGET_GRADIENT  Defined where the gradient with respect to the distributions is wanted.
// TYPE_TARGETS   The C type of the targets.
// GROUP_SIZE     The work-items that share a row.

#include "common.clh"
#include "group.clh"

#define CROSS_ENTROPY 0
#define DIVERGENCE 1
#define HINGE 2

#ifndef LOSS
#define LOSS CROSS_ENTROPY
#endif

#ifndef TYPE_TARGETS
#define TYPE_TARGETS int
#endif

struct rows {
  INDEX classes;
  INDEX scores, gradient, target_gradient;
  INDEX targets, targets_stride;
  INDEX weights, weights_stride;
  INDEX losses, losses_stride;
  INDEX statistics, statistics_stride;
  INDEX cotangent, cotangent_stride;
};

#define LARGER(a, b) ((a) > (b) || isnan(a) ? (a) : (b))
#define PLUS(a, b) ((a) + (b))

#ifdef WEIGHTS
#define WEIGHT(j) weights[of.weights + (j) * of.weights_stride]
#else
#define WEIGHT(j) 1
#endif

// What a class counts for: its weight times the target, of which a share is kept, and what every
// class has besides.
#ifdef DISTRIBUTIONS
#define TARGET(j) targets[row * of.classes + (j)]
#else
#define TARGET(j) ((long)(j) == label ? 1 : 0)
#endif
#define COEFFICIENT(j) (WEIGHT(j) * (share * TARGET(j) + spread))

// The label of the row, and whether it names a class; distributions need none.
#ifdef DISTRIBUTIONS
#define READ_LABEL                                                             \
  targets += of.targets;                                                       \
  const int is_known = 1
#else
#define READ_LABEL                                                             \
  const long label = targets[of.targets + row * of.targets_stride];            \
  const int is_known = label >= 0 && label < (long)of.classes
#endif

// Work size: a work-group for each row.
// The work-group computes the loss of its row, and the statistic that the gradient needs. The
// numbers are share and spread of the coefficients; of the hinge they are the margin and
// 1 / classes.
// Memory: scores, and distributions, are read once from memory and up to twice more from cache.
KERNEL(GROUP_SIZE, 1)
void class_loss(
    __global const SCALAR *scores, __global const TYPE_TARGETS *targets,
    __global const SCALAR *weights, __global SCALAR *losses, __global SCALAR *statistics,
    const SCALAR share, const SCALAR spread, const struct rows of WORK_ITEM) {
  LOCAL_SLOTS(SCALAR, slots);
  const INDEX row = get_group_id(0);
  scores += of.scores + row * of.classes;
  READ_LABEL;
  SCALAR loss = 0;

#if LOSS == HINGE
  const SCALAR margin = share;
  const SCALAR correct = is_known ? scores[label] : 0;
  SCALAR statistic = 0;
  for (INDEX j = get_local_id(0); j < of.classes; j += GROUP_SIZE) {
    const SCALAR excess = margin + (scores[j] - correct);
    if (is_known && (long)j != label && !(excess <= 0)) {
      loss += excess;
      statistic += 1;
    }
  }
  COMBINE_GROUP(statistic, slots, PLUS);
  COMBINE_GROUP(loss, slots, PLUS);
  if (is_known) loss = loss * WEIGHT(label) * spread;
#else
  SCALAR greatest = -INFINITY;
  for (INDEX j = get_local_id(0); j < of.classes; j += GROUP_SIZE)
    greatest = LARGER(greatest, scores[j]);
  COMBINE_GROUP(greatest, slots, LARGER);

  SCALAR statistic = 0;
  for (INDEX j = get_local_id(0); j < of.classes; j += GROUP_SIZE)
    statistic += exp(scores[j] - greatest);
  COMBINE_GROUP(statistic, slots, PLUS);
  statistic = log(statistic);

  for (INDEX j = get_local_id(0); j < of.classes; j += GROUP_SIZE) {
    const SCALAR coefficient = COEFFICIENT(j);
    if (coefficient != 0) {
      // The differences from the maximum are small, unlike the two terms themselves.
      loss += coefficient * (statistic - (scores[j] - greatest));
#if LOSS == DIVERGENCE
      loss += coefficient * log(coefficient);
#endif
    }
  }
  COMBINE_GROUP(loss, slots, PLUS);
#endif

  if (get_local_id(0) == 0) {
    statistics[of.statistics + row * of.statistics_stride] = statistic;
    losses[of.losses + row * of.losses_stride] = is_known ? loss : (SCALAR)NAN;
  }
}

// Work size: a work-group for each row.
// The work-group finds the row's maximum and the sum of its coefficients; then a work-item
// computes every GROUP_SIZE-th element of the gradients. The numbers are those of class_loss.
// Memory: scores, and distributions, are read once from memory and once more from cache; each
// gradient is written once.
KERNEL(GROUP_SIZE, 1)
void class_loss_gradient(
    __global const SCALAR *cotangent, __global const SCALAR *scores,
    __global const TYPE_TARGETS *targets, __global const SCALAR *weights,
    __global const SCALAR *statistics, __global SCALAR *gradient,
    __global SCALAR *target_gradient, const SCALAR share, const SCALAR spread,
    const struct rows of WORK_ITEM) {
  LOCAL_SLOTS(SCALAR, slots);
  const INDEX row = get_group_id(0);
  scores += of.scores + row * of.classes;
  gradient += of.gradient + row * of.classes;
  target_gradient += of.target_gradient + row * of.classes;
  READ_LABEL;
  const SCALAR statistic = statistics[of.statistics + row * of.statistics_stride];
  const SCALAR factor = is_known ? cotangent[of.cotangent + row * of.cotangent_stride] : NAN;

#if LOSS == HINGE
  const SCALAR margin = share;
  const SCALAR correct = is_known ? scores[label] : 0;
  const SCALAR scale = is_known ? factor * WEIGHT(label) * spread : factor;
  for (INDEX j = get_local_id(0); j < of.classes; j += GROUP_SIZE) {
    const int is_right = margin + (scores[j] - correct) <= 0;
    gradient[j] = ((long)j == label ? -statistic : is_right ? 0 : 1) * scale;
  }
#else
  SCALAR greatest = -INFINITY;
  SCALAR total = 0;
  for (INDEX j = get_local_id(0); j < of.classes; j += GROUP_SIZE) {
    greatest = LARGER(greatest, scores[j]);
    total += COEFFICIENT(j);
  }
  COMBINE_GROUP(greatest, slots, LARGER);
  COMBINE_GROUP(total, slots, PLUS);

  for (INDEX j = get_local_id(0); j < of.classes; j += GROUP_SIZE) {
    const SCALAR coefficient = COEFFICIENT(j);
    // −log of the probability.
    const SCALAR cost = statistic - (scores[j] - greatest);
    gradient[j] = (exp(-cost) * total - coefficient) * factor;
#ifdef TARGET_GRADIENT
#if LOSS == DIVERGENCE
    const SCALAR slope = coefficient == 0 ? 0 : cost + (log(coefficient) + 1);
    target_gradient[j] = WEIGHT(j) * share * slope * factor;
#else
    target_gradient[j] = WEIGHT(j) * share * cost * factor;
#endif
#endif
  }
#endif
}
