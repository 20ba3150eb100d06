/* Template of what GPTQ and SparseGPT share: a tile of rows whose weights move. Included after these were defined:
 *
 * TARGET   the instruction set of all functions here, or nothing
 * LANES    doubles in its vectors
 * SIDE     vectors side by side: LANES * SIDE rows at a time
 * COLUMNS  columns at a time; SIDE * COLUMNS sums fill the registers
 * WIDEN(v) LANES floats as doubles: GCC 12 makes five instructions of what is one
 *
 * Rows are the lanes, for no row depends on another. A panel's columns take what the columns before it moved, in
 * parts of DEEP columns, so that a tile's part stays in L1; the columns of a panel are then done one by one. */
#ifndef REFCOMPRESS_MOVED_H
#define REFCOMPRESS_MOVED_H
#include "../kernels.h"
#include <string.h>

typedef double VEC __attribute__((vector_size(LANES * 8)));
typedef int64_t BITS __attribute__((vector_size(LANES * 8)));

/* BLOCK columns take what came before them at once: their part of u is then in L2 for all tiles. */
enum { DEEP = 128, BLOCK = 64 };

static inline size_t padded_columns(size_t k)
{
    return (k + RC_PANEL - 1) / RC_PANEL * RC_PANEL;
}

/* A tile of the rows of w from the first on, input turns[i] (or i) at column i; zeros where there is none. */
static TARGET void lay_tile(double *tile, size_t rows, size_t k, const float *w, const int64_t *turns)
{
    memset(tile, 0, padded_columns(k) * RC_TILE * sizeof *tile);
    for (size_t i = 0; i < k; i++)
        for (size_t r = 0; r < rows; r++)
            tile[i * RC_TILE + r] = (double)w[r * k + (turns ? (size_t)turns[i] : i)];
}

RC_INLINE TARGET VEC read_vector(const double *from)
{
    VEC v;
    memcpy(&v, from, sizeof v);
    return v;
}

RC_INLINE TARGET void write_vector(double *to, VEC v)
{
    memcpy(to, &v, sizeof v);
}

RC_INLINE TARGET VEC all(double a)
{
    return a - (VEC){0};
}

/* condition ? a : b, where a condition is all ones or zero in each lane. */
RC_INLINE TARGET VEC chosen(BITS condition, VEC a, VEC b)
{
    return (VEC)((condition & (BITS)a) | (~condition & (BITS)b));
}

/* The columns of a panel, of one tile, less what the columns first .. last - 1 moved. */
static TARGET void move_panel(double *tile, const double *panel, size_t column, size_t first, size_t last)
{
    double *to = tile + column * RC_TILE;
    for (size_t row = 0; row < RC_TILE; row += LANES * SIDE)
        for (size_t c = 0; c < RC_PANEL; c += COLUMNS) {
            VEC now[COLUMNS][SIDE];
            RC_UNROLL for (size_t j = 0; j < COLUMNS; j++)
                RC_UNROLL for (size_t s = 0; s < SIDE; s++)
                    now[j][s] = read_vector(to + (c + j) * RC_TILE + row + s * LANES);
            for (size_t i = first; i < last; i++) {
                VEC by[SIDE];
                RC_UNROLL for (size_t s = 0; s < SIDE; s++)
                    by[s] = read_vector(tile + i * RC_TILE + row + s * LANES);
                RC_UNROLL for (size_t j = 0; j < COLUMNS; j++)
                    RC_UNROLL for (size_t s = 0; s < SIDE; s++)
                        now[j][s] -= by[s] * panel[i * RC_PANEL + c + j];
            }
            RC_UNROLL for (size_t j = 0; j < COLUMNS; j++)
                RC_UNROLL for (size_t s = 0; s < SIDE; s++)
                    write_vector(to + (c + j) * RC_TILE + row + s * LANES, now[j][s]);
        }
}

/* The panels that have a column in begin .. end - 1, of all tiles, less what the columns before last moved; panel p has
 * had those before done[p]. begin is the first column of a panel. */
static TARGET void move_panels(double *moved, const double *u, size_t tiles, size_t k, uint64_t *done, size_t begin,
                               size_t end, size_t last)
{
    const size_t padded = padded_columns(k);
    for (size_t first = 0; first < last; first += DEEP) {
        const size_t behind = rc_min(first + DEEP, last);
        for (size_t column = begin; column < end; column += RC_PANEL) {
            const size_t from = (size_t)done[column / RC_PANEL];
            for (size_t t = 0; from < behind && t < tiles; t++)
                move_panel(moved + t * padded * RC_TILE, u + column * k, column, from > first ? from : first, behind);
        }
    }
    for (size_t column = begin; column < end; column += RC_PANEL)
        done[column / RC_PANEL] = last;
}

/* The columns of a tile after column j, up to the end of its panel, less what j moved. */
RC_INLINE TARGET void move_rest(double *tile, const double *panel, size_t j)
{
    const double *by = tile + j * RC_TILE;
    for (size_t later = j + 1; later % RC_PANEL > 0; later++) {
        double *now = tile + later * RC_TILE;
        const double factor = panel[j * RC_PANEL + later % RC_PANEL];
        RC_UNROLL for (size_t r = 0; r < RC_TILE; r += LANES)
            write_vector(now + r, read_vector(now + r) - read_vector(by + r) * factor);
    }
}
#endif
