// Gradients of convolutions with respect to their weights: sums over all positions, in chunks that
// are added up in order.
//
// HAS_BIAS_GRADIENT  Of panels: defined where the sums of y, a bias's gradient, are wanted too. They are
//                    those of one more tap, which every position sees with a factor of 1.

#include "convolution.clh"

#ifdef HAS_BIAS_GRADIENT
#define BIAS_TAPS 1
#define BIAS_GRADIENT_PARAMETER __global SCALAR *bias_gradient, const INDEX bias_offset,
#else
#define BIAS_TAPS 0
#define BIAS_GRADIENT_PARAMETER
#endif

// For tiles: as struct correlation, but that the weight, row-major, begins anew with each chunk.
struct weight_gradient {
  INDEX filters, channels, images, rows, columns;
  INDEX x, x_image, x_channel, x_row, x_rows, x_columns, top, left;
  INDEX y, y_image, y_channel;
  INDEX weight, weight_group;
  // The positions, of all examples, that a chunk sums over; its weight gradient's elements.
  INDEX chunk, chunks, chunk_stride;
};

// Work size: (ceil(images · blocks / share), groups, ceil(channels / part)).
// A work-item sums the gradient of a part of the channels over `share` blocks of rows: for each block
// it copies the region of x, and y position by position, filters beside each other; then TILE_ROWS
// taps by PANEL filters at a time stay in registers over all positions of the block.
// Memory: x is read once and copied, y once for each part; of the copies, the region is read from
// cache once for every PANEL filters, y once for every TILE_ROWS taps. The sums, `partial`, are read
// and written once for each block.
#if WANTED(weight_gradient_panels)
KERNEL(1, 1)
void weight_gradient_panels(
    __global const SCALAR *y, __global const SCALAR *x, __global SCALAR *partial,
    __global SCALAR *regions, __global SCALAR *turned, const struct correlation of,
    const struct region in, const INDEX part WORK_ITEM) {
  const INDEX group = get_global_id(1);
  const INDEX parts = (of.channels + part - 1) / part;
  const INDEX item = (get_global_id(0) * of.groups + group) * parts + get_global_id(2);
  const INDEX tasks = of.images * in.blocks;
  const INDEX end_task = min(tasks, (INDEX)(get_global_id(0) + 1) * in.share);
  const INDEX first_channel = get_global_id(2) * part;
  const INDEX panels = (of.filters + PANEL - 1) / PANEL;
  struct correlation seen = of;
  seen.channels = min(part, of.channels - first_channel);
  const INDEX width = seen.channels * TAPS;
  __global SCALAR *region = regions + in.begin + item * in.length;
  // y of a block, PANEL filters of all its positions after the other.
  const INDEX most = in.block_rows * of.columns * PANEL;
  turned += item * panels * most;
  const INDEX sums_of_panel = (of.channels * TAPS + BIAS_TAPS) * PANEL;
  partial += (get_global_id(0) * of.groups + group) * panels * sums_of_panel;

  for (INDEX task = get_global_id(0) * in.share; task < end_task; ++task) {
    const bool is_first = task == get_global_id(0) * in.share;
    const INDEX first = task % in.blocks * in.block_rows;
    const INDEX rows = min(in.block_rows, of.rows - first), image = task / in.blocks;
    copy_region(
        x + of.x + image * of.x_image + (group * of.channels + first_channel) * of.x_channel, region,
        &seen, &in, first, rows);
    __global const SCALAR *block =
        y + of.y + image * of.y_image + group * of.filters * of.y_channel + first * of.columns;
    const INDEX positions = rows * of.columns;
    for (INDEX p = 0; p < panels; ++p) {
      const uint count = (uint)min((INDEX)PANEL, of.filters - p * PANEL);
      __global const SCALAR *source = block + p * PANEL * of.y_channel;
      __global SCALAR *target = turned + p * most;
      VECTOR totals[VECTORS];
      UNROLL for (uint n = 0; n < VECTORS; ++n) totals[n] = (VECTOR)0;
      INDEX k = 0;
      for (; k + WIDTH <= positions; k += WIDTH) {
        for (uint first_filter = 0; first_filter < PANEL; first_filter += WIDTH) {
          VECTOR square[WIDTH];
          EACH_LANE {
            const uint f = first_filter + lane;
            square[lane] = f < count ? VLOAD(source + f * of.y_channel + k) : (VECTOR)0;
          }
          transpose(square);
          EACH_LANE VSTORE_GLOBAL(square[lane], target + (k + lane) * PANEL + first_filter);
          if (BIAS_TAPS) EACH_LANE totals[first_filter / WIDTH] += square[lane];
        }
      }
      for (; k < positions; ++k) {
        for (uint f = 0; f < PANEL; ++f)
          target[k * PANEL + f] = f < count ? source[f * of.y_channel + k] : 0;
        UNROLL for (uint n = 0; n < VECTORS; ++n)
          totals[n] += VLOAD(target + k * PANEL + n * WIDTH);
      }
      if (BIAS_TAPS && first_channel == 0) {
        __global SCALAR *sum = partial + p * sums_of_panel + of.channels * TAPS * PANEL;
        UNROLL for (uint n = 0; n < VECTORS; ++n)
          VSTORE_GLOBAL(
              is_first ? totals[n] : VLOAD(sum + n * WIDTH) + totals[n], sum + n * WIDTH);
      }
    }

    for (INDEX t = 0; t < width; t += TILE_ROWS) {
      // Taps past the last are the last again; what they give is not written.
      INDEX at[TILE_ROWS];
      UNROLL for (uint r = 0; r < TILE_ROWS; ++r) {
        const INDEX tap = min(t + r, width - 1);
        at[r] = tap / TAPS * in.channel + TAP_AT(tap % TAPS / TAPS_X, tap % TAPS_X);
      }
      for (INDEX p = 0; p < panels; ++p) {
        __global SCALAR *result =
            partial + p * sums_of_panel + (first_channel * TAPS + t) * PANEL;
        VECTOR sums[TILE_ROWS][VECTORS];
        UNROLL for (uint r = 0; r < TILE_ROWS; ++r)
          UNROLL for (uint k = 0; k < VECTORS; ++k) sums[r][k] = (VECTOR)0;
        __global const SCALAR *next = turned + p * most;
        for (INDEX row = 0; row < rows; ++row) {
          __global const SCALAR *elements = region + row * in.pitch;
          for (INDEX column = 0; column < of.columns; ++column) {
            VECTOR filters[VECTORS];
            UNROLL for (uint k = 0; k < VECTORS; ++k) filters[k] = VLOAD(next + k * WIDTH);
            UNROLL for (uint r = 0; r < TILE_ROWS; ++r) {
              const VECTOR factor = (VECTOR)elements[at[r] + column];
              UNROLL for (uint k = 0; k < VECTORS; ++k)
                sums[r][k] = fma(factor, filters[k], sums[r][k]);
            }
            next += PANEL;
          }
        }
        UNROLL for (uint r = 0; r < TILE_ROWS; ++r) {
          UNROLL for (uint k = 0; k < VECTORS; ++k) {
            if (t + r < width) {
              __global SCALAR *sum = result + r * PANEL + k * WIDTH;
              VSTORE_GLOBAL(is_first ? sums[r][k] : VLOAD(sum) + sums[r][k], sum);
            }
          }
        }
      }
    }
  }
}
#endif

// Work size: (ceil((channels · TAPS + BIAS_TAPS) / TILE_ROWS), ceil(filters / PANEL), groups).
// A work-item adds up TILE_ROWS taps of PANEL filters over all chunks, in order, and writes them
// filter by filter.
// Memory: the chunks' sums are read once and the gradient written once.
#if WANTED(merge_panels)
KERNEL(1, 1)
void merge_panels(
    __global const SCALAR *partial, __global SCALAR *gradient, BIAS_GRADIENT_PARAMETER
    const struct correlation of, const INDEX chunks WORK_ITEM) {
  const INDEX width = of.channels * TAPS, rows = width + BIAS_TAPS;
  const INDEX panels = (of.filters + PANEL - 1) / PANEL;
  const INDEX first = get_global_id(0) * TILE_ROWS, panel = get_global_id(1);
  const INDEX group = get_global_id(2);
  const uint taps = (uint)min((INDEX)TILE_ROWS, rows - first);
  const uint filters = (uint)min((INDEX)PANEL, of.filters - panel * PANEL);
  partial += ((group * panels + panel) * rows + first) * PANEL;
  const INDEX filter = group * of.filters + panel * PANEL;
  gradient += of.weight + filter * width + first;
  SCALAR sums[TILE_ROWS * PANEL];
  for (uint n = 0; n < taps * PANEL; ++n) sums[n] = partial[n];
  for (INDEX chunk = 1; chunk < chunks; ++chunk) {
    partial += of.groups * panels * rows * PANEL;
    for (uint n = 0; n < taps * PANEL; ++n) sums[n] += partial[n];
  }
  const uint written = (uint)min((INDEX)taps, width - first);
  for (uint f = 0; f < filters; ++f)
    for (uint t = 0; t < written; ++t) gradient[f * width + t] = sums[t * PANEL + f];
#ifdef HAS_BIAS_GRADIENT
  if (written < taps)
    for (uint f = 0; f < filters; ++f)
      bias_gradient[bias_offset + filter + f] = sums[written * PANEL + f];
#endif
}
#endif

#ifndef STAGE
// Work size: (ceil(channels · TAPS / GROUP_COLUMNS) · GROUP_X, ceil(filters / GROUP_ROWS) · GROUP_Y,
// groups · chunks).
// A work-group sums GROUP_ROWS × GROUP_COLUMNS elements of the weight's gradient over the positions
// of a chunk, a work-item ITEM_ROWS × ITEM_COLUMNS of them in registers.
// Memory: y is read channels · TAPS / GROUP_COLUMNS times, x TAPS · filters / GROUP_ROWS times,
// mostly from cache; each chunk's gradient is written once.
#if WANTED(weight_gradient_tiles)
KERNEL(GROUP_X, GROUP_Y)
void weight_gradient_tiles(
    __global const SCALAR *y, __global const SCALAR *x, __global SCALAR *gradient,
    const struct weight_gradient of WORK_ITEM) {
  __local SCALAR a_tile[TILE_DEPTH][GROUP_ROWS + PAD];
  __local SCALAR b_tile[TILE_DEPTH][GROUP_COLUMNS + PAD];
  const uint item = get_local_id(1) * GROUP_X + get_local_id(0);
  const INDEX group = get_global_id(2) / of.chunks, chunk = get_global_id(2) % of.chunks;
  const INDEX first_filter = get_group_id(1) * GROUP_ROWS;
  const INDEX first_column = get_group_id(0) * GROUP_COLUMNS;
  const INDEX plane = of.rows * of.columns;
  const INDEX width = of.channels * TAPS;
  const INDEX begin = chunk * of.chunk;
  const INDEX end = min(of.images * plane, begin + of.chunk);
  y += of.y + group * of.filters * of.y_channel;
  x += of.x + group * of.channels * of.x_channel;
  gradient += of.weight + chunk * of.chunk_stride + group * of.weight_group;

  SCALAR sums[ITEM_ROWS][ITEM_COLUMNS];
  UNROLL for (uint r = 0; r < ITEM_ROWS; ++r)
    UNROLL for (uint c = 0; c < ITEM_COLUMNS; ++c) sums[r][c] = 0;

  // The position, of those between two barriers, whose elements this work-item fetches.
  const uint k = item % TILE_DEPTH;
  for (INDEX first = begin; first < end; first += TILE_DEPTH) {
    const INDEX position = first + k;
    const INDEX image = position / plane;
    const INDEX x_row = position % plane / of.columns * STRIDE_Y - of.top;
    const INDEX x_column = position % of.columns * STRIDE_X - of.left;
    for (uint i = item / TILE_DEPTH; i < GROUP_ROWS; i += GROUP_COUNT / TILE_DEPTH)
      a_tile[k][i] = first_filter + i < of.filters && position < end
          ? y[image * of.y_image + (first_filter + i) * of.y_channel + position % plane] : 0;
    for (uint j = item / TILE_DEPTH; j < GROUP_COLUMNS; j += GROUP_COUNT / TILE_DEPTH) {
      const INDEX element = first_column + j;
      const INDEX row = x_row + element % TAPS / TAPS_X * DILATION_Y;
      const INDEX column = x_column + element % TAPS_X * DILATION_X;
      b_tile[k][j] = element < width && position < end && row < of.x_rows && column < of.x_columns
          ? x[image * of.x_image + element / TAPS * of.x_channel + row * of.x_row + column] : 0;
    }
    barrier(CLK_LOCAL_MEM_FENCE);
    MULTIPLY_TILES(sums, a_tile, b_tile)
    barrier(CLK_LOCAL_MEM_FENCE);
  }

  UNROLL for (uint r = 0; r < ITEM_ROWS; ++r) {
    const INDEX i = first_filter + r * GROUP_Y + get_local_id(1);
    UNROLL for (uint c = 0; c < ITEM_COLUMNS; ++c) {
      const INDEX j = first_column + c * GROUP_X + get_local_id(0);
      if (i < of.filters && j < width) gradient[i * width + j] = sums[r][c];
    }
  }
}
#endif
#endif
