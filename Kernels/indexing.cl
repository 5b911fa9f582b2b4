// Rows by number.
//
// TYPE_INDICES  The C type of the row numbers.
// BITS          For gather: the unsigned type of an element's size; what is copied are bits.
// MISSING       For gather: the bits of an element of a row that does not exist.
// LANES         For scatter_add: the neighbouring columns of a work-item.

#include "common.clh"

#ifndef TYPE_INDICES
#define TYPE_INDICES int
#endif
#ifndef BITS
#define BITS uint
#define MISSING 0x7FC00000
#endif
#ifndef GROUP_SIZE
#define GROUP_SIZE 64
#endif
#ifndef LANES
#define LANES 1
#endif

struct rows {
  // The rows of the table or of the sums, the row numbers, and the elements in a row.
  INDEX rows, count, width;
  INDEX source, output;
  INDEX indices, indices_stride;
  // For scatter_add: the rows that a work-item sums.
  INDEX share;
};

// The number of the row that `i` asks for, or the number of rows if there is none.
static INDEX row_number(
    __global const TYPE_INDICES *indices, const struct rows *of, const INDEX i) {
  const long row = indices[of->indices + i * of->indices_stride];
  return row < 0 || row >= (long)of->rows ? of->rows : (INDEX)row;
}

// Work size: count · width, rounded up to the work-group.
// A work-item copies one element.
// Memory: the chosen rows are read and the output written once, adjacent elements together.
#if WANTED(gather)
KERNEL(GROUP_SIZE, 1)
void gather(
    __global const BITS *table, __global const TYPE_INDICES *indices, __global BITS *output,
    const struct rows of WORK_ITEM) {
  const INDEX element = get_global_id(0);
  const INDEX i = element / of.width;
  if (i >= of.count) return;
  const INDEX row = row_number(indices, &of, i);
  output[of.output + element] =
      row < of.rows ? table[of.source + row * of.width + element % of.width] : (BITS)MISSING;
}
#endif

// Work size: ceil(width / LANES) × ceil(rows / share), rounded up to the work-group.
// A work-item sums LANES columns of `share` rows: it walks all values in order and adds those that
// belong to its rows, so each sum has one writer and one order.
// Memory: each value is read once, the row numbers once by each work-item, from cache; the sums are
// read and written once for each value.
#if WANTED(scatter_add)
KERNEL(GROUP_SIZE, 1)
void scatter_add(
    __global const SCALAR *values, __global const TYPE_INDICES *indices, __global SCALAR *sums,
    const struct rows of WORK_ITEM) {
  const INDEX blocks = (of.width + LANES - 1) / LANES;
  const INDEX column = get_global_id(0) % blocks * LANES;
  const INDEX first = get_global_id(0) / blocks * of.share;
  if (first >= of.rows) return;
  const INDEX end = min(of.rows, first + of.share);
  const INDEX lanes = min((INDEX)LANES, of.width - column);
  values += of.source + column;
  sums += of.output + column;
  for (INDEX row = first; row < end; ++row)
    for (INDEX lane = 0; lane < lanes; ++lane) sums[row * of.width + lane] = 0;
  for (INDEX i = 0; i < of.count; ++i) {
    const INDEX row = row_number(indices, &of, i);
    if (row >= first && row < end)
      for (INDEX lane = 0; lane < lanes; ++lane)
        sums[row * of.width + lane] += values[i * of.width + lane];
  }
}
#endif
