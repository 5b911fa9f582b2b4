// Expressions at every position: the frame into which printed expressions are set.
//
// PARAMETERS  The kernel's parameters but the last: a pointer for each view, a SCALAR for each
//             number. No pointer is `restrict`, for an output may be an operand's own view; since
//             each work-item reads before it writes, nothing is lost by that.
// VIEWS       The number of views.
// STEP_v      The stride of view v along the innermost axis: 0, 1, or STRIDE(v) if it is another.
// UNIFORMS    Statements that read what is the same for a whole row, at the row's start.
// BODY        Statements that read elements at AT(v) of view v, compute, and write the outputs.
// RANK        The number of axes after those that lie alike in all views are merged.
// GROUP_X, GROUP_Y  The size of a work-group.
// LANES       The neighbours that a work-item treats side by side. If there are several, BODY is
//             written with FETCH(n) and KEEP(n, x) over VECTOR instead (WIDE_EXPRESSIONS), all views are of SCALAR,
//             and each that is not uniform has a step of 1.

#include "element.clh"
#include "vector.clh"
#include "expression.clh"

#ifndef RANK
#define RANK 1
#endif

#ifndef GROUP_X
#define GROUP_X 64
#define GROUP_Y 1
#endif

#ifndef BODY
#define VIEWS 2
#define PARAMETERS __global const float *v0, __global float *v1
#define STEP_0 1
#define STEP_1 1
#define UNIFORMS
#define BODY STORE_float32(v1, AT(1), LOAD_float32(v0, AT(0)));
#endif

struct layout {
  INDEX lengths[RANK];
  INDEX offsets[VIEWS];
  INDEX strides[VIEWS][RANK];
};

#define STRIDE(v) layout.strides[v][RANK - 1]
#define AT(v) (row_start[v] + column * STEP_##v)

// Work size: (columns / LANES, rows) or (columns / LANES, rows / k, k), each rounded up to the
// work-group; columns are the innermost axis and rows all others.
// A work-item computes all outputs at one position, or at LANES neighbours.
// Memory: each operand is read once and each output written once; with STEP 1 neighbours are
// adjacent.
KERNEL(GROUP_X, GROUP_Y)
void pointwise(PARAMETERS, const struct layout layout WORK_ITEM) {
  const INDEX column = get_global_id(0) * LANES;
  INDEX row_start[VIEWS];
  UNROLL for (uint v = 0; v < VIEWS; ++v) row_start[v] = layout.offsets[v];

#if RANK > 1
  // Rows are divided by the axes' lengths from the inside out.
  INDEX row = get_global_id(2) * get_global_size(1) + get_global_id(1);
  UNROLL for (int axis = RANK - 2; axis >= 0; --axis) {
    const INDEX next = row / layout.lengths[axis];
    const INDEX index = axis == 0 ? row : row - next * layout.lengths[axis];
    UNROLL for (uint v = 0; v < VIEWS; ++v) row_start[v] += index * layout.strides[v][axis];
    if (axis == 0 && row >= layout.lengths[0]) return;
    row = next;
  }
#endif

  // Here rather than where a column is there to be computed: what is read under a condition, a
  // compiler that makes vectors of work-items gathers for each of them.
  UNIFORMS

  if (column < layout.lengths[RANK - 1]) {
#if LANES > 1
    const uint count = (uint)min((INDEX)LANES, layout.lengths[RANK - 1] - column);
    if (count == LANES) {
#define FETCH(n) load_input(v##n + AT(n))
#define KEEP(n, x) store_output(x, v##n + AT(n))
      BODY
#undef FETCH
#undef KEEP
    } else {
#define FETCH(n) load_part(v##n + AT(n), count, 1)
#define KEEP(n, x) store_part(v##n + AT(n), x, count)
      BODY
    }
#else
    BODY
#endif
  }
}
