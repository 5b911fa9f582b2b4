// Pooling windows of planes.
//
// MAXIMUM, MINIMUM, AVERAGE  One of them is defined.
// COUNTS_PADDING  For averages: defined where the padding counts in the divisor.
// KERNEL_Y, KERNEL_X, STRIDE_Y, STRIDE_X, PAD_Y, PAD_X  The window.
// PADDED          Defined where a tap can lie in the padding.
// TYPE_TAP        The type of taps' numbers.
// HAS_TAPS        Defined where the chosen taps are written, or read for the gradient.
//
// The operand of a gradient's epilogue lies as x does.

#include "expression.clh"

#if !defined(MAXIMUM) && !defined(MINIMUM) && !defined(AVERAGE)
#define MAXIMUM
#define HAS_TAPS
#endif
#ifndef KERNEL_Y
#define KERNEL_Y 2
#define KERNEL_X 2
#define STRIDE_Y 2
#define STRIDE_X 2
#define PAD_Y 0
#define PAD_X 0
#define PADDED
#endif
#ifndef TYPE_TAP
#define TYPE_TAP uchar
#endif
#ifndef GROUP_SIZE
#define GROUP_SIZE 64
#endif

// Only windows of a few taps are worth writing out.
#if KERNEL_Y * KERNEL_X <= 64
#define UNROLL_TAPS UNROLL
#else
#define UNROLL_TAPS
#endif

#ifdef MAXIMUM
#define BETTER >
#define WORST (-INFINITY)
#else
#define BETTER <
#define WORST INFINITY
#endif

#ifdef HAS_TAPS
#define TAPS_PARAMETER __global TYPE_TAP *taps,
#else
#define TAPS_PARAMETER
#endif

struct planes {
  INDEX planes;
  // The lengths of a plane of x and of y, and where they, the taps and the operand begin.
  INDEX x_rows, x_columns, y_rows, y_columns;
  INDEX x, y, taps, operand;
};

// The sum's divisor.
#ifdef COUNTS_PADDING
#define DIVISOR(p, q) ((SCALAR)(KERNEL_Y * KERNEL_X))
#elif defined(AVERAGE)
// How many of a window's taps lie on an axis of x.
static INDEX taps_within(
    const INDEX position, const INDEX stride, const INDEX pad, const INDEX taps,
    const INDEX length) {
  const INDEX begin = position * stride < pad ? pad - position * stride : 0;
  const INDEX end = min(taps, length + pad - position * stride);
  return end - begin;
}
#define DIVISOR(p, q)                                                          \
  ((SCALAR)(taps_within(p, STRIDE_Y, PAD_Y, KERNEL_Y, of.x_rows)               \
            * taps_within(q, STRIDE_X, PAD_X, KERNEL_X, of.x_columns)))
#endif

// Takes an element under a tap into what the window has so far.
#ifdef AVERAGE
#define TAKE(value, tap) sum += (value)
#else
#define TAKE(value, tap)                                                       \
  do {                                                                         \
    const bool is_better = (value) BETTER best || (value) != (value);          \
    best = is_better ? (value) : best;                                         \
    choice = is_better ? (tap) : choice;                                       \
  } while (0)
#endif

// Pools `count` windows of a row of them from `begin` on, of which the taps from `first` to `last`
// lie on rows of x, whose row under the first tap of all is `x`. Where windows are inner, all of
// their columns lie on x.
INLINED void pool_windows(
    __global const SCALAR *restrict x, __global TYPE_TAP *restrict taps, __global SCALAR *restrict y,
    const struct planes of, const INDEX p, const uint first, const uint last, const INDEX begin,
    const uint count, const bool is_inner) {
  for (INDEX q = begin; q < begin + count; ++q) {
#ifdef AVERAGE
    SCALAR sum = 0;
#else
    SCALAR best = WORST;
    // The first tap on x is the choice if none is better than the worst.
    uint choice = first * KERNEL_X
        + (is_inner || q * STRIDE_X >= PAD_X ? 0 : (uint)(PAD_X - q * STRIDE_X));
#endif
    UNROLL_TAPS for (uint i = first; i < last; ++i) {
      UNROLL_TAPS for (uint j = 0; j < KERNEL_X; ++j) {
        // What lies before the input has wrapped around, to beyond it.
        const INDEX column = q * STRIDE_X + j - PAD_X;
        if (is_inner || column < of.x_columns) {
          const SCALAR value = x[i * of.x_columns + column];
          TAKE(value, i * KERNEL_X + j);
        }
      }
    }
#ifdef AVERAGE
    y[q] = sum / DIVISOR(p, q);
#else
    y[q] = best;
#ifdef HAS_TAPS
    taps[q] = (TYPE_TAP)choice;
#endif
#endif
  }
}

// Pools the windows from `begin` to `end` of a row of them, in blocks: compilers make vectors of as
// many windows as are known, so the last block begins early, and pools some a second time.
static void pool_row(
    __global const SCALAR *restrict x, __global TYPE_TAP *restrict taps, __global SCALAR *restrict y,
    const struct planes *in, const INDEX p, const uint first, const uint last, const INDEX begin,
    const INDEX end, const bool is_inner) {
  const struct planes of = *in;
  if (end - begin >= 8) {
    for (INDEX q = begin; q < end; q += 8)
      pool_windows(x, taps, y, of, p, first, last, min(q, end - 8), 8, is_inner);
  } else if (end - begin >= 4) {
    for (INDEX q = begin; q < end; q += 4)
      pool_windows(x, taps, y, of, p, first, last, min(q, end - 4), 4, is_inner);
  } else {
    pool_windows(x, taps, y, of, p, first, last, begin, (uint)(end - begin), is_inner);
  }
}

// The windows of an axis that lie on x with all taps: from FIRST_INNER to END_INNER.
#define FIRST_INNER(pad, stride) (((pad) + (stride) - 1) / (stride))
#define END_INNER(length, pad, taps, stride, count)                            \
  ((length) + (pad) < (taps) ? 0 : min(count, ((length) + (pad) - (taps)) / (stride) + 1))

// Work size: ceil(planes · y_rows / share).
// A work-item pools `share` rows of windows.
// Memory: x is read once where windows do not overlap, else KERNEL_Y times, mostly from cache; y and
// the taps are written once.
#if WANTED(pool_rows)
KERNEL(1, 1)
void pool_rows(
    __global const SCALAR *x, TAPS_PARAMETER __global SCALAR *y, const struct planes of,
    const INDEX share WORK_ITEM) {
#ifndef HAS_TAPS
  __global TYPE_TAP *taps = 0;
#endif
  const INDEX end_row =
      min(of.planes * of.y_rows, (INDEX)(get_global_id(0) + 1) * share);
#ifdef PADDED
  const INDEX end = END_INNER(of.x_columns, PAD_X, KERNEL_X, STRIDE_X, of.y_columns);
  const INDEX begin = min((INDEX)FIRST_INNER(PAD_X, STRIDE_X), end);
#else
  const INDEX begin = 0, end = of.y_columns;
#endif
  for (INDEX row = get_global_id(0) * share; row < end_row; ++row) {
    const INDEX plane = row / of.y_rows, p = row % of.y_rows;
    // Points before the plane where the first tap does, but is read only where a tap is on it.
    __global const SCALAR *source =
        x + (long)(of.x + (plane * of.x_rows + p * STRIDE_Y) * of.x_columns)
        - (long)(PAD_Y * of.x_columns);
    __global TYPE_TAP *chosen = taps + of.taps + row * of.y_columns;
    __global SCALAR *target = y + of.y + row * of.y_columns;
#ifdef PADDED
    const uint first = p * STRIDE_Y < PAD_Y ? (uint)(PAD_Y - p * STRIDE_Y) : 0;
    const uint last = (uint)min((INDEX)KERNEL_Y, of.x_rows + PAD_Y - p * STRIDE_Y);
    pool_row(source, chosen, target, &of, p, first, last, 0, begin, false);
    if (first == 0 && last == KERNEL_Y)
      pool_row(source, chosen, target, &of, p, 0, KERNEL_Y, begin, end, true);
    else
      pool_row(source, chosen, target, &of, p, first, last, begin, end, true);
    pool_row(source, chosen, target, &of, p, first, last, end, of.y_columns, false);
#else
    pool_row(source, chosen, target, &of, p, 0, KERNEL_Y, begin, end, true);
#endif
  }
}
#endif

// Work size: planes · y_rows · y_columns, rounded up to the work-group.
// A work-item pools a window.
// Memory: x is read once where windows do not overlap, else once for each window, mostly from cache;
// y and the taps are written once.
#if WANTED(pool_elements)
KERNEL(GROUP_SIZE, 1)
void pool_elements(
    __global const SCALAR *x, TAPS_PARAMETER __global SCALAR *y,
    const struct planes of WORK_ITEM) {
#ifndef HAS_TAPS
  __global TYPE_TAP *taps = 0;
#endif
  const INDEX row = get_global_id(0) / of.y_columns, q = get_global_id(0) % of.y_columns;
  if (row >= of.planes * of.y_rows) return;
  const INDEX plane = row / of.y_rows, p = row % of.y_rows;
  const uint first = p * STRIDE_Y < PAD_Y ? (uint)(PAD_Y - p * STRIDE_Y) : 0;
  const uint last = (uint)min((INDEX)KERNEL_Y, of.x_rows + PAD_Y - p * STRIDE_Y);
  pool_windows(
      x + (long)(of.x + (plane * of.x_rows + p * STRIDE_Y) * of.x_columns)
          - (long)(PAD_Y * of.x_columns),
      taps + of.taps + row * of.y_columns, y + of.y + row * of.y_columns, of, p, first, last, q, 1,
      false);
}
#endif

// A gradient is taken of averages, and where the chosen taps are known.
#if defined(AVERAGE) || defined(HAS_TAPS)

// Where windows do not overlap an element of the gradient is given to it once and is finished at once;
// elsewhere what windows give is added up.
#if KERNEL_X <= STRIDE_X && KERNEL_Y <= STRIDE_Y
#define GIVE(t, share) gradient[t] = epilogue(share, OPERAND(t))
#define OVERLAP 0
#else
#define GIVE(t, share) gradient[t] += (share)
#define OVERLAP 1
#endif

// Gives to a row of the gradient what `count` windows from `begin` on have in their taps of row i.
INLINED void spread_windows(
    __global const SCALAR *restrict y, __global const TYPE_TAP *restrict taps,
    OPERAND_PARAMETER __global SCALAR *restrict gradient, const struct planes of, const INDEX p,
    const uint i, const INDEX begin, const uint count, const bool is_inner) {
  for (INDEX q = begin; q < begin + count; ++q) {
    // Read whatever the tap is, so that neighbours can be treated side by side.
    const SCALAR whole = y[q];
    UNROLL_TAPS for (uint j = 0; j < KERNEL_X; ++j) {
      const INDEX t = q * STRIDE_X + j - PAD_X;
      if (is_inner || t < of.x_columns) {
#ifdef AVERAGE
        GIVE(t, whole / DIVISOR(p, q));
#else
        GIVE(t, taps[q] == i * KERNEL_X + j ? whole : 0);
#endif
      }
    }
  }
}

// Gives what the windows from `begin` to `end` of a row of them have, in blocks of which compilers make
// vectors. The last begins early where windows do not overlap: to give twice is the same as once.
static void spread_row(
    __global const SCALAR *restrict y, __global const TYPE_TAP *restrict taps,
    OPERAND_PARAMETER __global SCALAR *restrict gradient, const struct planes *in, const INDEX p,
    const uint i, const INDEX begin, const INDEX end, const bool is_inner) {
  const struct planes of = *in;
  INDEX q = begin;
  for (; q + 8 <= end; q += 8)
    spread_windows(y, taps, OPERAND_ARGUMENT gradient, of, p, i, q, 8, is_inner);
  if (!OVERLAP && end - begin >= 8) {
    if (q < end) spread_windows(y, taps, OPERAND_ARGUMENT gradient, of, p, i, end - 8, 8, is_inner);
  } else {
    spread_windows(y, taps, OPERAND_ARGUMENT gradient, of, p, i, q, (uint)(end - q), is_inner);
  }
}

// Finishes a row of the gradient, in blocks of which compilers make vectors.
INLINED void finish_row(
    OPERAND_PARAMETER __global SCALAR *restrict gradient, const INDEX length) {
  INDEX t = 0;
  for (; t + 8 <= length; t += 8)
    for (uint k = 0; k < 8; ++k) gradient[t + k] = epilogue(gradient[t + k], OPERAND(t + k));
  for (; t < length; ++t) gradient[t] = epilogue(gradient[t], OPERAND(t));
}

// Work size: ceil(planes · x_rows / share).
// A work-item computes `share` rows of the gradient, of the windows that they lie in, in order.
// Memory: y and the taps are read once where windows do not overlap, else KERNEL_Y times, mostly
// from cache; the epilogue's operand is read and the gradient written once.
#if WANTED(pool_gradient_rows)
KERNEL(1, 1)
void pool_gradient_rows(
    __global const SCALAR *y, TAPS_PARAMETER OPERAND_PARAMETER __global SCALAR *gradient,
    const struct planes of, const INDEX share WORK_ITEM) {
#ifndef HAS_TAPS
  __global TYPE_TAP *taps = 0;
#endif
  const INDEX end_row =
      min(of.planes * of.x_rows, (INDEX)(get_global_id(0) + 1) * share);
#ifdef PADDED
  const INDEX end = END_INNER(of.x_columns, PAD_X, KERNEL_X, STRIDE_X, of.y_columns);
  const INDEX begin = min((INDEX)FIRST_INNER(PAD_X, STRIDE_X), end);
#else
  const INDEX begin = 0, end = of.y_columns;
#endif
  gradient += of.x + get_global_id(0) * share * of.x_columns;
#ifdef HAS_OPERAND
  operand += of.operand + get_global_id(0) * share * of.x_columns;
#endif
  for (INDEX row = get_global_id(0) * share; row < end_row; ++row) {
    const INDEX plane = row / of.x_rows, r = row % of.x_rows + PAD_Y;
    // Whether each element lies in a window, and in only one.
#if KERNEL_X == STRIDE_X && KERNEL_Y == STRIDE_Y
    const bool is_covered = begin == 0 && end == of.y_columns && end * STRIDE_X == of.x_columns
        && r / STRIDE_Y < of.y_rows;
#else
    const bool is_covered = false;
#endif
    if (!is_covered) {
      for (INDEX t = 0; t < of.x_columns; ++t) gradient[t] = 0;
      if (!OVERLAP) finish_row(OPERAND_ARGUMENT gradient, of.x_columns);
    }
    for (uint i = KERNEL_Y; i-- > 0;) {
      if (r < i || (r - i) % STRIDE_Y != 0 || (r - i) / STRIDE_Y >= of.y_rows) continue;
      const INDEX p = (r - i) / STRIDE_Y;
      __global const SCALAR *source = y + of.y + (plane * of.y_rows + p) * of.y_columns;
      __global const TYPE_TAP *chosen = taps + of.taps + (plane * of.y_rows + p) * of.y_columns;
#ifdef PADDED
      spread_row(source, chosen, OPERAND_ARGUMENT gradient, &of, p, i, 0, begin, false);
#endif
      spread_row(source, chosen, OPERAND_ARGUMENT gradient, &of, p, i, begin, end, true);
#ifdef PADDED
      spread_row(source, chosen, OPERAND_ARGUMENT gradient, &of, p, i, end, of.y_columns, false);
#endif
    }
    if (OVERLAP) finish_row(OPERAND_ARGUMENT gradient, of.x_columns);
    gradient += of.x_columns;
#ifdef HAS_OPERAND
    operand += of.x_columns;
#endif
  }
}
#endif

// Work size: planes · x_rows · x_columns, rounded up to the work-group.
// A work-item sums one element of the gradient, over the windows that it lies in, in order.
// Memory: y and the taps are read once where windows do not overlap, else once for each element,
// mostly from cache; the gradient is written once.
#if WANTED(pool_gradient_elements)
KERNEL(GROUP_SIZE, 1)
void pool_gradient_elements(
    __global const SCALAR *y, TAPS_PARAMETER OPERAND_PARAMETER __global SCALAR *gradient,
    const struct planes of WORK_ITEM) {
  const INDEX row = get_global_id(0) / of.x_columns;
  if (row >= of.planes * of.x_rows) return;
  const INDEX plane = row / of.x_rows, r = row % of.x_rows + PAD_Y;
  const INDEX t = get_global_id(0) % of.x_columns + PAD_X;
  SCALAR sum = 0;
  for (uint i = KERNEL_Y; i-- > 0;) {
    if (r < i || (r - i) % STRIDE_Y != 0 || (r - i) / STRIDE_Y >= of.y_rows) continue;
    const INDEX p = (r - i) / STRIDE_Y;
    for (uint j = KERNEL_X; j-- > 0;) {
      if (t < j || (t - j) % STRIDE_X != 0 || (t - j) / STRIDE_X >= of.y_columns) continue;
      const INDEX q = (t - j) / STRIDE_X;
      const INDEX window = (plane * of.y_rows + p) * of.y_columns + q;
#ifdef AVERAGE
      sum += y[of.y + window] / DIVISOR(p, q);
#else
      sum += taps[of.taps + window] == i * KERNEL_X + j ? y[of.y + window] : 0;
#endif
    }
  }
  gradient[of.x + get_global_id(0)] = epilogue(sum, OPERAND(of.operand + get_global_id(0)));
}
#endif
#endif
