// Convolutions of images as products of matrices that are nowhere written out: an element of the
// second matrix is fetched from the image that a tap of the window lies on.
//
// Both a convolution and its transpose are correlations,
//
//   y[n, f, p, q] = epilogue(
//       Σ w[f, c, u, v] · x[n, c, p·S + u·D − top, q·S + v·D − left]),
//
// the transpose one for each remainder of a position divided by its stride. Where things lie is in
// the struct: the taps of a weight in any direction, outputs at any distance.
//
// OPERAND_OF_CHANNELS  Defined where the epilogue's operand has a number for each channel; another lies
//                      as y does.
// UNIT_STEP            For panels: defined where neighbours in a row of y are adjacent.

#include "convolution.clh"
#include "expression.clh"

#if defined(HAS_OPERAND) && !defined(OPERAND_OF_CHANNELS)
#define OPERAND_OF_PLACES

// Fetches the elements of the operand that stand beside a run of positions.
INLINED void fetch_run(
    __global const SCALAR *source, SCALAR *target, const uint count, const INDEX stride) {
#ifdef UNIT_STEP
  uint k = 0;
  for (; k + WIDTH <= count; k += WIDTH) VSTORE(VLOAD(source + k), target + k);
  for (; k < count; ++k) target[k] = source[k];
#else
  for (uint k = 0; k < count; ++k) target[k] = source[k * stride];
#endif
}
#endif

// Work size: (ceil(filters / TILE_ROWS), channels, groups).
// A work-item copies the taps of TILE_ROWS filters in one channel: they lie tap after tap, filter
// beside filter, with zeros for filters that there are not.
// Memory: the weight is read and written once.
#if WANTED(pack_filters)
KERNEL(1, 1)
void pack_filters(
    __global const SCALAR *weight, __global SCALAR *packed,
    const struct correlation of WORK_ITEM) {
  const INDEX first = get_global_id(0) * TILE_ROWS, c = get_global_id(1), group = get_global_id(2);
  const INDEX tiles = (of.filters + TILE_ROWS - 1) / TILE_ROWS;
  // A position that wraps around must do so before it is added to a pointer.
  const INDEX begin =
      of.weight + group * of.weight_group + first * of.weight_filter + c * of.weight_channel;
  packed += ((group * tiles + get_global_id(0)) * of.channels + c) * TAPS * TILE_ROWS;
  for (uint u = 0; u < TAPS_Y; ++u)
    for (uint v = 0; v < TAPS_X; ++v)
      UNROLL for (uint r = 0; r < TILE_ROWS; ++r)
        *packed++ = first + r < of.filters
            ? weight[begin + r * of.weight_filter + u * of.weight_row + v * of.weight_column] : 0;
}
#endif

// Work size: (ceil(images · groups · blocks / share), 1, 1).
// A work-item computes `share` blocks of rows, for all filters of a group: PANEL positions at a time,
// which in the region are adjacent across rows, by TILE_ROWS filters, whose sums stay in registers
// over all of the depth. Positions that lie between the rows are computed and not written.
// Memory: x is read once and copied; of the copy, what PANEL positions see is read from the nearest
// cache for every tile; the packed weight is read once for every PANEL positions; y is written once.
#if WANTED(correlate_panels)
KERNEL(1, 1)
void correlate_panels(
    __global const SCALAR *x, __global const SCALAR *packed, OPERAND_PARAMETER __global SCALAR *y,
    __global SCALAR *regions, const struct correlation of, const struct region in WORK_ITEM) {
  const INDEX tasks = of.images * of.groups * in.blocks;
  const INDEX end_task = min(tasks, (INDEX)(get_global_id(0) + 1) * in.share);
  const INDEX tiles = (of.filters + TILE_ROWS - 1) / TILE_ROWS;
  __global SCALAR *region = regions + in.begin + get_global_id(0) * in.length;
  // What the last panel reads beyond the last plane.
  for (uint k = 0; k < PANEL; ++k) region[in.length - PANEL + k] = 0;

  for (INDEX task = get_global_id(0) * in.share; task < end_task; ++task) {
    const INDEX first = task % in.blocks * in.block_rows;
    const INDEX rows = min(in.block_rows, of.rows - first);
    const INDEX group = task / in.blocks % of.groups, image = task / in.blocks / of.groups;
    copy_region(
        x + of.x + image * of.x_image + group * of.channels * of.x_channel, region, &of, &in, first,
        rows);
    const INDEX length = (rows - 1) * in.pitch + of.columns;
    const INDEX block =
        image * of.y_image + group * of.filters * of.y_channel + first * of.y_row;

    for (INDEX q = 0; q < length; q += PANEL) {
      // The runs of positions within a row, and where they are written.
      uint run_lane[PANEL], run_length[PANEL];
      INDEX run_at[PANEL];
      uint runs = 0;
      for (uint lane = 0; lane < PANEL && q + lane < length;) {
        const INDEX column = (q + lane) % in.pitch;
        const uint rest = (uint)min((INDEX)PANEL - lane, in.pitch - column);
        if (column < of.columns) {
          run_lane[runs] = lane;
          run_length[runs] = (uint)min((INDEX)rest, of.columns - column);
          run_at[runs++] = (q + lane) / in.pitch * of.y_row + column * of.y_column;
        }
        lane += rest;
      }

      __global const SCALAR *factors = packed + group * tiles * of.channels * TAPS * TILE_ROWS;
      for (INDEX f = 0; f < of.filters; f += TILE_ROWS) {
        VECTOR sums[TILE_ROWS][VECTORS];
        UNROLL for (uint r = 0; r < TILE_ROWS; ++r)
          UNROLL for (uint k = 0; k < VECTORS; ++k) sums[r][k] = (VECTOR)0;
        __global const SCALAR *seen = region + q;
        for (INDEX c = 0; c < of.channels; ++c) {
          UNROLL_TAPS for (uint u = 0; u < TAPS_Y; ++u) {
            UNROLL_TAPS for (uint v = 0; v < TAPS_X; ++v) {
              __global const SCALAR *at = seen + TAP_AT(u, v);
              VECTOR elements[VECTORS];
              UNROLL for (uint k = 0; k < VECTORS; ++k) elements[k] = VLOAD(at + k * WIDTH);
              UNROLL for (uint r = 0; r < TILE_ROWS; ++r) {
                const VECTOR factor = (VECTOR)factors[r];
                UNROLL for (uint k = 0; k < VECTORS; ++k)
                  sums[r][k] = fma(factor, elements[k], sums[r][k]);
              }
              factors += TILE_ROWS;
            }
          }
          seen += in.channel;
        }

        VECTOR tile[TILE_ROWS][VECTORS];
        const uint count = (uint)min((INDEX)TILE_ROWS, of.filters - f);
        UNROLL for (uint r = 0; r < TILE_ROWS; ++r) {
#ifdef OPERAND_OF_PLACES
          UNROLL for (uint k = 0; k < VECTORS; ++k) tile[r][k] = sums[r][k];
#else
          const INDEX filter = group * of.filters + f + min(r, count - 1);
          const VECTOR beside = (VECTOR)OPERAND(of.operand + filter * of.operand_channel);
          UNROLL for (uint k = 0; k < VECTORS; ++k) tile[r][k] = finished(sums[r][k], beside);
#endif
        }
        for (uint r = 0; r < count; ++r) {
          const INDEX row = block + (f + r) * of.y_channel;
#ifdef OPERAND_OF_PLACES
          VECTOR beside[VECTORS];
          UNROLL for (uint k = 0; k < VECTORS; ++k) beside[k] = (VECTOR)0;
          for (uint n = 0; n < runs; ++n)
            fetch_run(
                operand + of.operand + row + run_at[n], (SCALAR *)beside + run_lane[n],
                run_length[n], of.y_column);
          UNROLL for (uint k = 0; k < VECTORS; ++k) tile[r][k] = finished(tile[r][k], beside[k]);
#endif
          for (uint n = 0; n < runs; ++n) {
            const SCALAR *run = (const SCALAR *)tile[r] + run_lane[n];
            __global SCALAR *target = y + of.y + row + run_at[n];
#ifdef UNIT_STEP
            uint k = 0;
            for (; k + WIDTH <= run_length[n]; k += WIDTH)
              VSTORE_GLOBAL(VLOAD(run + k), target + k);
            copy_part(target + k, run + k, run_length[n] - k);
#else
            for (uint k = 0; k < run_length[n]; ++k) target[k * of.y_column] = run[k];
#endif
          }
        }
      }
    }
  }
}
#endif

#ifndef STAGE
// Work size: (ceil(images · rows · columns / GROUP_COLUMNS) · GROUP_X, ceil(filters / GROUP_ROWS) ·
// GROUP_Y, groups).
// A work-group computes GROUP_ROWS filters at GROUP_COLUMNS positions, a work-item ITEM_ROWS ×
// ITEM_COLUMNS of them in registers. Of the weight and of what the window lies on, TILE_DEPTH
// products at a time go through local memory, with zeros in the padding and beyond the edges.
// Memory: x is read TAPS · filters / GROUP_ROWS times, mostly from cache, the weight once for each
// GROUP_COLUMNS positions; y is written once.
#if WANTED(correlate_tiles)
KERNEL(GROUP_X, GROUP_Y)
void correlate_tiles(
    __global const SCALAR *x, __global const SCALAR *weight, OPERAND_PARAMETER __global SCALAR *y,
    const struct correlation of WORK_ITEM) {
  __local SCALAR a_tile[TILE_DEPTH][GROUP_ROWS + PAD];
  __local SCALAR b_tile[TILE_DEPTH][GROUP_COLUMNS + PAD];
  const uint item = get_local_id(1) * GROUP_X + get_local_id(0);
  const INDEX group = get_global_id(2);
  const INDEX first_filter = get_group_id(1) * GROUP_ROWS;
  const INDEX first_position = get_group_id(0) * GROUP_COLUMNS;
  const INDEX plane = of.rows * of.columns;
  const INDEX positions = of.images * plane;
  const INDEX depth = of.channels * TAPS;

  // The position whose elements this work-item fetches.
  const uint fetched = item % GROUP_COLUMNS;
  const INDEX position = first_position + fetched;
  const bool is_position = position < positions;
  const INDEX x_row = position % plane / of.columns * STRIDE_Y - of.top;
  const INDEX x_column = position % of.columns * STRIDE_X - of.left;
  x += of.x + position / plane * of.x_image + group * of.channels * of.x_channel;

  SCALAR sums[ITEM_ROWS][ITEM_COLUMNS];
  UNROLL for (uint r = 0; r < ITEM_ROWS; ++r)
    UNROLL for (uint c = 0; c < ITEM_COLUMNS; ++c) sums[r][c] = 0;

  for (INDEX first = 0; first < depth; first += TILE_DEPTH) {
    for (uint n = item; n < TILE_DEPTH * GROUP_ROWS; n += GROUP_COUNT) {
      const uint i = n / TILE_DEPTH, k = n % TILE_DEPTH;
      const INDEX c = (first + k) / TAPS, u = (first + k) % TAPS / TAPS_X, v = (first + k) % TAPS_X;
      a_tile[k][i] = first_filter + i < of.filters && first + k < depth
          ? weight[
                of.weight + group * of.weight_group + (first_filter + i) * of.weight_filter
                + c * of.weight_channel + u * of.weight_row + v * of.weight_column]
          : 0;
    }
    for (uint k = item / GROUP_COLUMNS; k < TILE_DEPTH; k += GROUP_COUNT / GROUP_COLUMNS) {
      const INDEX c = (first + k) / TAPS, u = (first + k) % TAPS / TAPS_X, v = (first + k) % TAPS_X;
      // What lies before the input has wrapped around, to beyond it.
      const INDEX row = x_row + u * DILATION_Y, column = x_column + v * DILATION_X;
      b_tile[k][fetched] =
          is_position && first + k < depth && row < of.x_rows && column < of.x_columns
          ? x[c * of.x_channel + row * of.x_row + column] : 0;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    MULTIPLY_TILES(sums, a_tile, b_tile)
    barrier(CLK_LOCAL_MEM_FENCE);
  }

  UNROLL for (uint c = 0; c < ITEM_COLUMNS; ++c) {
    const INDEX position = first_position + c * GROUP_X + get_local_id(0);
    if (position < positions) {
      const INDEX place = position / plane * of.y_image
          + position % plane / of.columns * of.y_row + position % of.columns * of.y_column;
      UNROLL for (uint r = 0; r < ITEM_ROWS; ++r) {
        const INDEX i = first_filter + r * GROUP_Y + get_local_id(1);
        const INDEX filter = group * of.filters + i;
        if (i >= of.filters) continue;
#ifdef OPERAND_OF_PLACES
        const INDEX at = of.operand + place + filter * of.y_channel;
#else
        const INDEX at = of.operand + filter * of.operand_channel;
#endif
        y[of.y + place + filter * of.y_channel] = epilogue(sums[r][c], OPERAND(at));
      }
    }
  }
}
#endif
#endif
