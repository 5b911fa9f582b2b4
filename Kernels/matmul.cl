// Matrix products, output = epilogue(a·b), for processors that are vector machines (multiply_panels,
// and pack_panels before it) and for those that are not (multiply_tiles, or multiply_directly where
// there is little to multiply).
//
// Where there are fewer tiles than cores, the products of an output are divided into parts along k,
// each a matrix of its own, which merge_parts adds in order.
//
// HAS_ROW_SUMS  Defined where the sums of a's rows over k are written too: where the product is the
//             gradient of a weight they are that of the bias, and a is read anyway.
//
// Panels:
// WIDTH       The elements of a vector; of pack_panels, a divisor of PANEL.
// TILE_ROWS, VECTORS  A register tile: so many rows by so many vectors of columns. Its chains of fma,
//             enough to hide the latency, are to fit the registers beside a row of b and a factor.
// BLOCK_ROWS  The rows that a work-item computes, tile after tile, with the panel in its cache.
// PANEL       The width of what pack_panels packs: VECTORS vectors for b, TILE_ROWS for a.
// PACK_DEPTH  The positions along k that a work-item packs.
// PACKS_ALONG_DEPTH  Defined where neighbours along k are adjacent in what is packed: squares of
//             WIDTH × WIDTH are transposed in registers.
// A_PACKED    Defined where a is packed too, so that the distances within a tile are known.
// B_IN_PLACE  Defined where b is not packed: its columns are adjacent, and at least PANEL.
// TRANSPOSED  Defined where the output's rows are adjacent instead of its columns: a is what was b, and
//             the row sums are those of b's columns.
// A_ROWS_ADJACENT  Defined where neighbouring rows of an unpacked a are adjacent.
//
// Tiles:
// GROUP_X, GROUP_Y    The work-group; a work-item has ITEM_ROWS × ITEM_COLUMNS outputs, multiples of 4.
// TILE_DEPTH          The products that are summed between two barriers.
// A_ALONG_DEPTH, B_ALONG_DEPTH  Defined where neighbours along k are adjacent in memory, so that
//                     adjacent work-items fetch adjacent elements.
// A_QUADS, B_QUADS    Defined where every fourth of these neighbours lies on 4 elements.

#ifndef WIDTH
#define WIDTH 16
#endif
#define LANES WIDTH

#include "vector.clh"
#include "matmul.clh"

#ifndef TILE_ROWS
#define TILE_ROWS 6
#define VECTORS 4
#endif
#ifndef BLOCK_ROWS
#define BLOCK_ROWS 48
#endif
#ifndef PANEL
#define PANEL (VECTORS * WIDTH)
#endif
#ifndef PACK_DEPTH
#define PACK_DEPTH 64
#endif

#ifndef GROUP_X
#define GROUP_X 8
#define GROUP_Y 8
#endif
#ifndef ITEM_ROWS
#define ITEM_ROWS 4
#define ITEM_COLUMNS 4
#endif
#ifndef TILE_DEPTH
#define TILE_DEPTH 8
#endif

// Work size: (ceil(length / PANEL), ceil(depth / PACK_DEPTH), batches).
// A work-item copies PANEL elements across for each of PACK_DEPTH positions along k: panel p holds,
// k after k, the elements p·PANEL … (p + 1)·PANEL − 1, with zeros after the last.
// Memory: the matrix is read once and the panels written once.
#if WANTED(pack_panels)
KERNEL(1, 1)
void pack_panels(
    __global const SCALAR *matrix, __global SCALAR *panels, const struct matrix of,
    const INDEX length, const INDEX depth WORK_ITEM) {
  const INDEX first = get_global_id(0) * PANEL;
  const INDEX begin = get_global_id(1) * PACK_DEPTH;
  const INDEX end = min(depth, begin + PACK_DEPTH);
  const INDEX count = (length + PANEL - 1) / PANEL;
  const uint width = (uint)min((INDEX)PANEL, length - first);
  matrix += of.offset + get_global_id(2) * of.batch + first * of.column;
  panels += (get_global_id(2) * count + get_global_id(0)) * depth * PANEL;
  INDEX k = begin;
#ifdef PACKS_ALONG_DEPTH
  for (; width == PANEL && k + WIDTH <= end; k += WIDTH) {
    for (uint j = 0; j < PANEL; j += WIDTH) {
      VECTOR square[WIDTH];
      EACH_LANE square[lane] = VLOAD(matrix + (j + lane) * of.column + k);
      transpose(square);
      EACH_LANE VSTORE_GLOBAL(square[lane], panels + (k + lane) * PANEL + j);
    }
  }
#endif
  for (; k < end; ++k) {
    __global const SCALAR *source = matrix + k * of.row;
    __global SCALAR *target = panels + k * PANEL;
    if (width == PANEL && of.column == 1) {
      UNROLL for (uint j = 0; j < PANEL; j += WIDTH)
        VSTORE_GLOBAL(VLOAD(source + j), target + j);
    } else {
      for (uint j = 0; j < PANEL; ++j) target[j] = j < width ? source[j * of.column] : 0;
    }
  }
}
#endif

// The distances in a tile, and from one position along k to the next, constants where something is
// packed: registers for positions are few.
#ifdef A_PACKED
#define A_AT(r) (r)
#define A_ROW 1
#define A_STEP TILE_ROWS
#else
#define A_AT(r) a_at[r]
#define A_ROW of.a.row
#define A_STEP of.a.column
#endif
#ifdef B_IN_PLACE
#define B_STEP of.b.row
#else
#define B_STEP PANEL
#endif

// Asks for what the next tile has of a, where it lies apart from what this tile has, so that no
// processor looks ahead of it: a line of the cache further on for each position along k or, where it is
// the positions that are adjacent, 8 rows in turn, since a line has no fewer elements than 8.
#if defined(A_ROWS_ADJACENT)
#define ASK_FOR_NEXT_FACTORS(factors, k) PREFETCH(factors, 64)
#elif !defined(A_PACKED)
#define ASK_FOR_NEXT_FACTORS(factors, k) PREFETCH((factors) + (TILE_ROWS + (k) % 8) * of.a.row, 0)
#else
#define ASK_FOR_NEXT_FACTORS(factors, k)
#endif

#define EACH_ROW UNROLL for (uint r = 0; r < TILE_ROWS; ++r)
#define EACH_VECTOR UNROLL for (uint v = 0; v < VECTORS; ++v)

// Sums over k: of each row of a tile of a, or of each column of a panel of b.
#if defined(HAS_ROW_SUMS) && !defined(TRANSPOSED)
INLINED void sum_rows(
    __global const SCALAR *a, __global SCALAR *sums, const struct product of, const uint rows) {
  SCALAR sum[TILE_ROWS];
  UNROLL for (uint r = 0; r < TILE_ROWS; ++r) sum[r] = 0;
#if defined(A_PACKED) || defined(A_ROWS_ADJACENT)
  if (rows == TILE_ROWS) {
    for (INDEX k = 0; k < of.depth; ++k, a += A_STEP)
      UNROLL for (uint r = 0; r < TILE_ROWS; ++r) sum[r] += a[r];
    UNROLL for (uint r = 0; r < TILE_ROWS; ++r) sums[r] = sum[r];
    return;
  }
#endif
  for (INDEX k = 0; k < of.depth; ++k, a += A_STEP)
    for (uint r = 0; r < rows; ++r) sum[r] += a[r * A_ROW];
  for (uint r = 0; r < rows; ++r) sums[r] = sum[r];
}
#elif defined(HAS_ROW_SUMS)
INLINED void sum_columns(
    __global const SCALAR *b, __global SCALAR *sums, const struct product of, const uint begin,
    const uint end) {
  VECTOR column_sums[VECTORS];
  EACH_VECTOR column_sums[v] = (VECTOR)0;
  for (INDEX k = 0; k < of.depth; ++k, b += B_STEP)
    EACH_VECTOR column_sums[v] += VLOAD(b + v * WIDTH);
  const SCALAR *sum = (const SCALAR *)column_sums;
  for (uint j = begin; j < end; ++j) sums[j] = sum[j];
}
#endif

// What becomes of the vector of sums whose first is that of row i and column j of a panel, of which
// the columns up to `end` are there.
#ifdef HAS_OPERAND
INLINED VECTOR load_operand(
    __global const SCALAR *operand, const INDEX column, const uint count) {
  if (column == 0) return (VECTOR)operand[0];
  if (column == 1 && count >= WIDTH) return VLOAD(operand);
  return load_apart(operand, 0, column, max(count, 1u));
}
#define FINISHED_LANES(x, i, j)                                                \
  finished(                                                                    \
      x,                                                                       \
      load_operand(                                                            \
          operand + (i) * of.operand.row                                       \
              + (first_column + min((uint)(j), end - 1)) * of.operand.column,  \
          of.operand.column, end - min((uint)(j), end)))
#else
#define FINISHED_LANES(x, i, j) finished(x, (VECTOR)0)
#endif

// Work size: (ceil(rows / BLOCK_ROWS), ceil(columns / PANEL), batches · parts).
// A work-item computes BLOCK_ROWS rows of one panel of columns, a tile of TILE_ROWS at a time whose
// sums stay in registers over all of k.
// Memory: of b each panel is read once for every BLOCK_ROWS rows, from cache for every tile; a is
// read once for every panel; the output is written once.
#if WANTED(multiply_panels)
KERNEL(1, 1)
void multiply_panels(
    __global const SCALAR *a, __global const SCALAR *b, OPERAND_PARAMETER __global SCALAR *output,
    ROW_SUMS_PARAMETER const struct product of WORK_ITEM) {
  BEGIN_PART;
#ifdef B_IN_PLACE
  // The last panel ends with the last column; what it has of the one before is not written again.
  const INDEX first_column = min((INDEX)get_global_id(1) * PANEL, of.columns - PANEL);
  const uint begin = (uint)(get_global_id(1) * PANEL - first_column), end = PANEL;
  b += first_column;
#else
  const INDEX first_column = get_global_id(1) * PANEL;
  const uint begin = 0, end = (uint)min((INDEX)PANEL, of.columns - first_column);
  b += get_global_id(1) * of.b_panel;
#endif
  const INDEX first_row = get_global_id(0) * BLOCK_ROWS;
  const INDEX end_row = min(of.rows, first_row + BLOCK_ROWS);
  a += of.a.offset + batch * of.a.batch + begin_depth * A_STEP;
  b += of.b.offset + batch * of.b.batch + begin_depth * B_STEP;
  output += of.output.offset + get_global_id(2) * of.output.batch + first_column * of.output.column;
  BEGIN_OPERAND;
#if defined(HAS_ROW_SUMS) && defined(TRANSPOSED)
  row_sums += row_sums_offset + batch * of.columns + first_column;
  if (first_row == 0) sum_columns(b, row_sums, of, begin, end);
#elif defined(HAS_ROW_SUMS)
  row_sums += row_sums_offset + batch * of.rows;
#endif

  for (INDEX row = first_row; row < end_row; row += TILE_ROWS) {
    const uint rows = (uint)min((INDEX)TILE_ROWS, end_row - row);
#ifdef A_PACKED
    __global const SCALAR *a_next = a + row / TILE_ROWS * of.a_panel;
#else
    __global const SCALAR *a_next = a + row * of.a.row;
    // Rows past the last are the last again; what they give is not written.
    INDEX a_at[TILE_ROWS];
    UNROLL for (uint r = 0; r < TILE_ROWS; ++r) a_at[r] = min(r, rows - 1) * of.a.row;
#endif
    __global const SCALAR *b_next = b;
#if defined(HAS_ROW_SUMS) && !defined(TRANSPOSED)
    if (get_global_id(1) == 0) sum_rows(a_next, row_sums + row, of, rows);
#endif

    VECTOR tile[TILE_ROWS][VECTORS];
    EACH_ROW EACH_VECTOR tile[r][v] = (VECTOR)0;
    for (INDEX left = end_depth - begin_depth; left > 0; --left) {
      VECTOR b_row[VECTORS];
      EACH_VECTOR b_row[v] = VLOAD(b_next + v * WIDTH);
      ASK_FOR_NEXT_FACTORS(a_next, left);
      EACH_ROW {
        const VECTOR factor = (VECTOR)a_next[A_AT(r)];
        EACH_VECTOR tile[r][v] = fma(factor, b_row[v], tile[r][v]);
      }
      a_next += A_STEP;
      b_next += B_STEP;
    }

    EACH_ROW EACH_VECTOR
      tile[r][v] = FINISHED_LANES(tile[r][v], row + min(r, rows - 1), v * WIDTH);
#ifndef TRANSPOSED
    if (end - begin == PANEL && rows == TILE_ROWS) {
      EACH_ROW EACH_VECTOR
        VSTORE_GLOBAL(tile[r][v], output + (row + r) * of.output.row + v * WIDTH);
      continue;
    }
#endif
    // A copy that has an address, which registers have not.
    VECTOR sums[TILE_ROWS][VECTORS];
    EACH_ROW EACH_VECTOR sums[r][v] = tile[r][v];
    const SCALAR *sum = (const SCALAR *)sums;
#ifdef TRANSPOSED
    for (uint j = begin; j < end; ++j) {
      __global SCALAR *target = output + j * of.output.column + row;
      if (rows == TILE_ROWS) {
        UNROLL for (uint r = 0; r < TILE_ROWS; ++r) target[r] = sum[r * PANEL + j];
      } else {
        for (uint r = 0; r < rows; ++r) target[r] = sum[r * PANEL + j];
      }
    }
#else
    for (uint r = 0; r < rows; ++r) {
      __global SCALAR *target = output + (row + r) * of.output.row;
      for (uint j = begin; j < end; ++j) target[j] = sum[r * PANEL + j];
    }
#endif
  }
}
#endif

// Work size: (columns, rows, batches), rounded up to the work-group.
// A work-item adds the parts of one output in order, and completes it.
// Memory: each part is read once and the output written once.
#if WANTED(merge_parts)
KERNEL(GROUP_X, GROUP_Y)
void merge_parts(
    __global const SCALAR *sums, OPERAND_PARAMETER __global SCALAR *output,
    const struct product of WORK_ITEM) {
  const INDEX j = get_global_id(0), i = get_global_id(1), batch = get_global_id(2);
  if (i >= of.rows || j >= of.columns) return;
  sums += (batch * of.parts * of.rows + i) * of.columns + j;
  BEGIN_OPERAND;
  SCALAR sum = sums[0];
  for (INDEX part = 1; part < of.parts; ++part) sum += sums[part * of.rows * of.columns];
  output[of.output.offset + batch * of.output.batch + i * of.output.row + j * of.output.column] =
      FINISHED(sum, i, j);
}
#endif

// Work size: (columns, rows, batches), rounded up to the work-group.
// A work-item computes one output.
// Memory: a is read for each column and b for each row, from cache but for the first time.
#if WANTED(multiply_directly)
KERNEL(GROUP_X, GROUP_Y)
void multiply_directly(
    __global const SCALAR *a, __global const SCALAR *b, OPERAND_PARAMETER __global SCALAR *output,
    ROW_SUMS_PARAMETER const struct product of WORK_ITEM) {
  const INDEX j = get_global_id(0), i = get_global_id(1), batch = get_global_id(2);
  if (i >= of.rows || j >= of.columns) return;
  a += of.a.offset + batch * of.a.batch + i * of.a.row;
  b += of.b.offset + batch * of.b.batch + j * of.b.column;
  BEGIN_OPERAND;
  SCALAR sum = 0;
  for (INDEX k = 0; k < of.depth; ++k) sum = fma(a[k * of.a.column], b[k * of.b.row], sum);
#ifdef HAS_ROW_SUMS
  if (j == 0) {
    SCALAR row_sum = 0;
    for (INDEX k = 0; k < of.depth; ++k) row_sum += a[k * of.a.column];
    row_sums[row_sums_offset + batch * of.rows + i] = row_sum;
  }
#endif
  output[of.output.offset + batch * of.output.batch + i * of.output.row + j * of.output.column] =
      FINISHED(sum, i, j);
}
#endif

// Local memory is for kernels alone.
#ifndef STAGE
#define GROUP_COUNT (GROUP_X * GROUP_Y)
#define GROUP_ROWS (GROUP_Y * ITEM_ROWS)
#define GROUP_COLUMNS (GROUP_X * ITEM_COLUMNS)
// Keeps columns of a tile in different banks, and its rows on 16 bytes.
#define PAD 4

// The quads of a tile that each work-item fetches.
#define A_SHARE (TILE_DEPTH * GROUP_ROWS / 4 / GROUP_COUNT)
#define B_SHARE (TILE_DEPTH * GROUP_COLUMNS / 4 / GROUP_COUNT)

// Where the n-th of a work-item's rows or columns is: in quads, so that a work-item reads 16 bytes
// and its neighbours the next 16.
#define SPREAD(n, item, group) ((n) / 4 * 4 * (group) + 4 * (item) + (n) % 4)

// Where the n-th quad of a tile begins, across and along k.
#ifdef A_ALONG_DEPTH
#define A_ACROSS(n) ((n) / (TILE_DEPTH / 4))
#define A_DEPTH(n) ((n) % (TILE_DEPTH / 4) * 4)
#define A_STRIDE of.a.column
#else
#define A_ACROSS(n) ((n) % (GROUP_ROWS / 4) * 4)
#define A_DEPTH(n) ((n) / (GROUP_ROWS / 4))
#define A_STRIDE of.a.row
#endif
#ifdef B_ALONG_DEPTH
#define B_ACROSS(n) ((n) / (TILE_DEPTH / 4))
#define B_DEPTH(n) ((n) % (TILE_DEPTH / 4) * 4)
#define B_STRIDE of.b.row
#else
#define B_ACROSS(n) ((n) % (GROUP_COLUMNS / 4) * 4)
#define B_DEPTH(n) ((n) / (GROUP_COLUMNS / 4))
#define B_STRIDE of.b.column
#endif

#ifdef A_QUADS
#define A_IS_ALIGNED 1
#else
#define A_IS_ALIGNED 0
#endif
#ifdef B_QUADS
#define B_IS_ALIGNED 1
#else
#define B_IS_ALIGNED 0
#endif

// Work size: (ceil(columns / GROUP_COLUMNS) · GROUP_X, ceil(rows / GROUP_ROWS) · GROUP_Y,
// batches · parts).
// A work-group computes a tile of GROUP_ROWS × GROUP_COLUMNS, a work-item ITEM_ROWS × ITEM_COLUMNS
// of it in registers. TILE_DEPTH columns of a and rows of b at a time go through local memory, with
// zeros beyond the edges; while they are multiplied the next ones are fetched into registers, and
// then stored to a second tile, so that one barrier is enough.
// Memory: a is read columns / GROUP_COLUMNS times, b rows / GROUP_ROWS times; the output is written
// once.
#if WANTED(multiply_tiles)
KERNEL(GROUP_X, GROUP_Y)
void multiply_tiles(
    __global const SCALAR *a, __global const SCALAR *b, OPERAND_PARAMETER __global SCALAR *output,
    ROW_SUMS_PARAMETER const struct product of WORK_ITEM) {
  __local SCALAR a_tiles[2][TILE_DEPTH][GROUP_ROWS + PAD];
  __local SCALAR b_tiles[2][TILE_DEPTH][GROUP_COLUMNS + PAD];
  const uint item = get_local_id(1) * GROUP_X + get_local_id(0);
  BEGIN_PART;
  const INDEX first_row = get_group_id(1) * GROUP_ROWS;
  const INDEX first_column = get_group_id(0) * GROUP_COLUMNS;
  a += of.a.offset + batch * of.a.batch;
  b += of.b.offset + batch * of.b.batch;
  output += of.output.offset + get_global_id(2) * of.output.batch;
  BEGIN_OPERAND;

  SCALAR sums[ITEM_ROWS][ITEM_COLUMNS];
  UNROLL for (uint r = 0; r < ITEM_ROWS; ++r)
    UNROLL for (uint c = 0; c < ITEM_COLUMNS; ++c) sums[r][c] = 0;
#ifdef HAS_ROW_SUMS
  // In the first column of groups each work-item, of which there are no fewer than rows, sums a row.
  const bool sums_row = get_group_id(0) == 0 && item < GROUP_ROWS;
  SCALAR row_sum = 0;
#endif

  const INDEX tiles = (end_depth - begin_depth + TILE_DEPTH - 1) / TILE_DEPTH;
  // One round more than there are tiles: a round fetches a tile and multiplies the one before.
  for (INDEX tile = 0; tile <= tiles; ++tile) {
    QUAD a_next[A_SHARE], b_next[B_SHARE];
    if (tile < tiles) {
      const INDEX first = begin_depth + tile * TILE_DEPTH;
      UNROLL for (uint s = 0; s < A_SHARE; ++s) {
        const uint n = s * GROUP_COUNT + item;
        const INDEX i = first_row + A_ACROSS(n), k = first + A_DEPTH(n);
#ifdef A_ALONG_DEPTH
        const INDEX count = REMAINING(k, end_depth, i, of.rows);
#else
        const INDEX count = REMAINING(i, of.rows, k, end_depth);
#endif
        a_next[s] = fetch(a + i * of.a.row + k * of.a.column, A_STRIDE, count, A_IS_ALIGNED);
      }
      UNROLL for (uint s = 0; s < B_SHARE; ++s) {
        const uint n = s * GROUP_COUNT + item;
        const INDEX j = first_column + B_ACROSS(n), k = first + B_DEPTH(n);
#ifdef B_ALONG_DEPTH
        const INDEX count = REMAINING(k, end_depth, j, of.columns);
#else
        const INDEX count = REMAINING(j, of.columns, k, end_depth);
#endif
        b_next[s] = fetch(b + k * of.b.row + j * of.b.column, B_STRIDE, count, B_IS_ALIGNED);
      }
    }
    if (tile > 0) {
      const uint current = (tile - 1) % 2;
      UNROLL for (uint k = 0; k < TILE_DEPTH; ++k) {
        SCALAR column[ITEM_ROWS], row[ITEM_COLUMNS];
        UNROLL for (uint r = 0; r < ITEM_ROWS; ++r)
          column[r] = a_tiles[current][k][SPREAD(r, get_local_id(1), GROUP_Y)];
        UNROLL for (uint c = 0; c < ITEM_COLUMNS; ++c)
          row[c] = b_tiles[current][k][SPREAD(c, get_local_id(0), GROUP_X)];
        UNROLL for (uint r = 0; r < ITEM_ROWS; ++r)
          UNROLL for (uint c = 0; c < ITEM_COLUMNS; ++c)
            sums[r][c] = fma(column[r], row[c], sums[r][c]);
      }
#ifdef HAS_ROW_SUMS
      if (sums_row)
        UNROLL for (uint k = 0; k < TILE_DEPTH; ++k) row_sum += a_tiles[current][k][item];
#endif
    }
    if (tile < tiles) {
      const uint target = tile % 2;
      UNROLL for (uint s = 0; s < A_SHARE; ++s) {
        const uint n = s * GROUP_COUNT + item, i = A_ACROSS(n), k = A_DEPTH(n);
        const SCALAR quad[4] = {a_next[s].x, a_next[s].y, a_next[s].z, a_next[s].w};
        UNROLL for (uint q = 0; q < 4; ++q)
#ifdef A_ALONG_DEPTH
          a_tiles[target][k + q][i] = quad[q];
#else
          a_tiles[target][k][i + q] = quad[q];
#endif
      }
      UNROLL for (uint s = 0; s < B_SHARE; ++s) {
        const uint n = s * GROUP_COUNT + item, j = B_ACROSS(n), k = B_DEPTH(n);
        const SCALAR quad[4] = {b_next[s].x, b_next[s].y, b_next[s].z, b_next[s].w};
        UNROLL for (uint q = 0; q < 4; ++q)
#ifdef B_ALONG_DEPTH
          b_tiles[target][k + q][j] = quad[q];
#else
          b_tiles[target][k][j + q] = quad[q];
#endif
      }
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }

#ifdef HAS_ROW_SUMS
  if (sums_row && first_row + item < of.rows)
    row_sums[row_sums_offset + batch * of.rows + first_row + item] = row_sum;
#endif
  UNROLL for (uint r = 0; r < ITEM_ROWS; ++r) {
    const INDEX i = first_row + SPREAD(r, get_local_id(1), GROUP_Y);
    UNROLL for (uint c = 0; c < ITEM_COLUMNS; ++c) {
      const INDEX j = first_column + SPREAD(c, get_local_id(0), GROUP_X);
      if (i < of.rows && j < of.columns)
        output[i * of.output.row + j * of.output.column] = FINISHED(sums[r][c], i, j);
    }
  }
}
#endif
#endif
