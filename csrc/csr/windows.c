/* A sparse matrix packed for products with one column, sixteen rows in the lanes of a vector.
 *
 * x is cut into windows of 32, which two vectors hold: so a lane finds its element of x by a permutation, not by a
 * load. In each window every row of a group of sixteen has some entries, in order; step s takes the entry number s of
 * all rows that have one. The mask of a step says which these are. Its values stand next to each other, and its
 * columns, less the window's first, in a byte each for all sixteen rows. A chain gets the entries of its row, in
 * storage order, and nothing else.
 *
 * A loop of unknown length would be guessed wrongly once in each window and group. So groups with as many steps as
 * each other follow each other, and the sums of a block of 64 groups stand in memory. The head of a window: for each
 * number of steps that some group needs, ascending, that number, how many groups need it, and their numbers; then 0. */
#include "windows.h"
#include "values.h"

/* Where the entries of the block's rows end in the window that begins at `first`, and the steps of each group. */
static int steps_of(size_t rows, const struct rc_csr *a, size_t first, const size_t *last, const size_t *from,
                    size_t *to, uint8_t *steps)
{
    const int32_t *indices = a->indices;
    for (size_t g = 0; g < RC_GROUPS; g++)
        steps[g] = 0;
    for (size_t r = 0; r < rows; r++) {
        size_t p = from[r];
        for (; p < last[r] && (size_t)(uint32_t)indices[p] < first + RC_WINDOW; p++)
            if ((size_t)(uint32_t)indices[p] < first)
                return RC_BAD_INDEX;
        if (p - from[r] > 255)
            return RC_BAD_INDEX;
        to[r] = p;
        if (p - from[r] > steps[r / RC_GROUP])
            steps[r / RC_GROUP] = (uint8_t)(p - from[r]);
    }
    return RC_OK;
}

/* Counts what a block and a window take where nothing is to be written, else writes it. Another thread may write the
 * matrix between the two: so nothing is put where there is no room, and `full` says that something was not. */
struct sink {
    uint64_t heads, masks, columns, values;
    uint8_t *head, *column;
    uint16_t *mask;
    float *value;
    const uint64_t *room; /* of these four arrays */
    int full;
};

static void put_group(const struct rc_csr *a, size_t rows, size_t first, size_t group, size_t steps, const size_t *from,
                      const size_t *to, struct sink *out)
{
    const int32_t *indices = a->indices;
    for (size_t s = 0; s < steps; s++) {
        const int fits = !out->head || (out->masks < out->room[1] && out->columns + RC_GROUP <= out->room[2] &&
                                        out->values + RC_GROUP <= out->room[3]);
        unsigned mask = 0;
        if (!fits) {
            out->full = 1;
            return;
        }
        for (size_t lane = 0; lane < RC_GROUP; lane++) {
            const size_t r = group * RC_GROUP + lane, p = r < rows ? from[r] + s : 0;
            const int there = r < rows && p < to[r];
            if (out->head) /* a column that was changed meanwhile becomes another one of the window */
                out->column[out->columns + lane] = there ? (uint8_t)((uint32_t)indices[p] - first) % RC_WINDOW : 0;
            if (!there)
                continue;
            mask |= 1u << lane;
            if (out->head) {
                float buffer[1];
                out->value[out->values] = *values(a, p, 1, buffer);
            }
            out->values++;
        }
        if (out->head)
            out->mask[out->masks] = (uint16_t)mask;
        out->masks++;
        out->columns += RC_GROUP;
    }
}

static void put_head(uint8_t byte, struct sink *out)
{
    if (out->head && out->heads >= out->room[0]) {
        out->full = 1;
        return;
    }
    if (out->head)
        out->head[out->heads] = byte;
    out->heads++;
}

static void put_start(uint64_t *starts, const struct sink *out)
{
    const uint64_t at[] = {out->heads, out->masks, out->columns, out->values};
    memcpy(starts, at, sizeof at);
}

static int pack(const struct rc_csr *a, uint64_t *starts, struct sink *out)
{
    size_t from[RC_BLOCK], to[RC_BLOCK], last[RC_BLOCK];
    for (size_t i0 = 0; i0 < a->m; i0 += RC_BLOCK) {
        const size_t rows = rc_min(a->m - i0, RC_BLOCK);
        if (starts)
            put_start(starts + i0 / RC_BLOCK * 4, out);
        for (size_t r = 0; r < rows; r++) {
            from[r] = (size_t)a->indptr[i0 + r];
            last[r] = (size_t)a->indptr[i0 + r + 1];
            if (from[r] > last[r] || last[r] > a->nnz) /* Python checked both, but they were changed since */
                return RC_BAD_INDEX;
        }
        for (size_t first = 0; first < a->k; first += RC_WINDOW) {
            uint8_t steps[RC_GROUPS], most = 0;
            unsigned groups[256] = {0};
            if (steps_of(rows, a, first, last, from, to, steps))
                return RC_BAD_INDEX;
            for (size_t g = 0; g < RC_GROUPS; g++) {
                groups[steps[g]]++;
                most = steps[g] > most ? steps[g] : most;
            }
            for (unsigned s = 1; s <= most; s++) {
                if (groups[s] == 0)
                    continue;
                put_head((uint8_t)s, out);
                put_head((uint8_t)groups[s], out);
                for (size_t g = 0; g < RC_GROUPS; g++)
                    if (steps[g] == s) {
                        put_head((uint8_t)g, out);
                        put_group(a, rows, first, g, s, from, to, out);
                    }
            }
            put_head(0, out);
            memcpy(from, to, rows * sizeof *to);
        }
        for (size_t r = 0; r < rows; r++)
            if (from[r] != last[r])
                return RC_BAD_INDEX;
    }
    if (starts)
        put_start(starts + (a->m + RC_BLOCK - 1) / RC_BLOCK * 4, out);
    return out->full ? RC_BAD_INDEX : RC_OK;
}

int rc_csr_windows_sizes(const struct rc_csr *a, uint64_t *sizes)
{
    struct sink out = {0};
    const int status = pack(a, NULL, &out);
    sizes[0] = ((a->m + RC_BLOCK - 1) / RC_BLOCK + 1) * 4;
    sizes[1] = out.heads;
    sizes[2] = out.masks;
    sizes[3] = out.columns;
    sizes[4] = out.values + RC_GROUP; /* whole vectors are read */
    return status;
}

int rc_csr_windows_pack(const struct rc_csr *a, const uint64_t *sizes, uint64_t *starts, uint8_t *heads,
                        uint16_t *masks, uint8_t *columns, float *values)
{
    struct sink out = {.head = heads, .column = columns, .mask = masks, .value = values, .room = sizes + 1};
    const int status = pack(a, starts, &out);
    const int whole = out.heads == sizes[1] && out.masks == sizes[2] && out.columns == sizes[3] &&
                      out.values + RC_GROUP == sizes[4];
    return status == RC_OK && whole ? RC_OK : RC_BAD_INDEX;
}
