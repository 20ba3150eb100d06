/* Template of SparseGPT. Included after what moved.h wants, and PRUNE_SPARSEGPT, the function's name. */
#include "moved.h"

/* So many tiles go through all columns before the next ones do, so that what they share of u stays in L2. */
enum { TILES = 8 };

/* The mask of a tile's group of columns from j on: count ones where the squares of moved[j] / u[j][j] are largest. */
static TARGET void choose_group(const double *tile, const double *u, size_t k, size_t j, size_t columns, size_t count,
                                double *scores, size_t rows, uint8_t *mask)
{
    for (size_t c = 0; c < columns; c++) {
        const size_t i = j + c;
        const double diagonal = u[(i / RC_PANEL * k + i) * RC_PANEL + i % RC_PANEL];
        for (size_t r = 0; r < RC_TILE; r += LANES) {
            const VEC root = read_vector(tile + i * RC_TILE + r) / diagonal;
            write_vector(scores + c * RC_TILE + r, root * root);
        }
    }
    for (size_t c = 0; c < columns; c++) {
        int64_t rank[RC_TILE]; /* how many of the group come before this one */
        for (size_t r = 0; r < RC_TILE; r += LANES) {
            const VEC own = read_vector(scores + c * RC_TILE + r);
            BITS before = {0};
            for (size_t other = 0; other < c; other++)
                before -= read_vector(scores + other * RC_TILE + r) >= own;
            for (size_t other = c + 1; other < columns; other++)
                before -= read_vector(scores + other * RC_TILE + r) > own;
            memcpy(rank + r, &before, sizeof before);
        }
        for (size_t r = 0; r < rows; r++)
            mask[r * k + j + c] = (size_t)rank[r] < count;
    }
}

/* Column j of a tile: the weights that stay, and by what the others move the columns to come. */
static TARGET void prune_column(double *column, double diagonal, size_t k, size_t j, size_t rows, const uint8_t *mask,
                                float *weights)
{
    double goes[RC_TILE] = {0};
    for (size_t r = 0; r < rows; r++) {
        const int stays = mask[r * k + j] != 0;
        weights[r * k + j] = stays ? (float)column[r] : 0.0f;
        goes[r] = stays ? 0.0 : column[r];
    }
    for (size_t r = 0; r < RC_TILE; r += LANES)
        write_vector(column + r, read_vector(goes + r) / diagonal);
}

RC_INLINE TARGET void prune_tiles(size_t tiles, size_t rows, size_t k, size_t first, size_t last, size_t next,
                                  size_t group, size_t count, const double *u, double *moved, uint64_t *done,
                                  double *scores, uint8_t *mask, float *weights)
{
    const size_t padded = padded_columns(k);
    /* those of the block came up to it with the last one */
    for (size_t column = 0; column < padded; column += RC_PANEL)
        done[column / RC_PANEL] = column < last ? first : 0;
    for (size_t j = first; j < last; j++) {
        const size_t column = j / RC_PANEL * RC_PANEL, behind = padded_columns(j);
        const double *panel = u + column * k;
        const size_t columns = group && j % group == 0 ? rc_min(group, k - j) : 0;
        if (j % BLOCK == 0)
            move_panels(moved, u, tiles, k, done, behind, j + rc_min(BLOCK, last - j), j);
        if (columns)
            move_panels(moved, u, tiles, k, done, behind, j + columns, j);
        if (column == j)
            move_panels(moved, u, tiles, k, done, j, j + 1, j);
        for (size_t t = 0; t < tiles; t++) {
            double *tile = moved + t * padded * RC_TILE;
            const size_t of_tile = rc_min(rows - t * RC_TILE, RC_TILE), offset = t * RC_TILE * k;
            if (columns)
                choose_group(tile, u, k, j, columns, (count * columns + group - 1) / group, scores, of_tile,
                             mask + offset);
            prune_column(tile + j * RC_TILE, panel[j * RC_PANEL + j % RC_PANEL], k, j, of_tile, mask + offset,
                         weights + offset);
            move_rest(tile, panel, j);
        }
    }
    move_panels(moved, u, tiles, k, done, padded_columns(last), next, last);
}

int TARGET PRUNE_SPARSEGPT(size_t begin, size_t end, size_t k, size_t first, size_t last, size_t next, size_t group,
                           size_t count, const float *w, const double *u, double *moved, uint64_t *done, double *scores,
                           uint8_t *mask, float *weights)
{
    const size_t padded = padded_columns(k);
    for (size_t row = begin; row < end; row += TILES * RC_TILE) {
        const size_t rows = rc_min(end - row, TILES * RC_TILE);
        double *tiles = moved + (row - begin) * padded;
        for (size_t r = 0; first == 0 && r < rows; r += RC_TILE)
            lay_tile(tiles + r * padded, rc_min(rows - r, RC_TILE), k, w + (row + r) * k, NULL);
        prune_tiles((rows + RC_TILE - 1) / RC_TILE, rows, k, first, last, next, group, count, u, tiles, done, scores,
                    mask + row * k, weights + row * k);
    }
    return RC_OK;
}
