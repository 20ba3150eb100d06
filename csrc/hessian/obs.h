/* Template of OBS. Included after what moved.h wants, and PRUNE_OBS, the function's name.
 *
 * Of the inverse only the diagonal and one row a step are needed: a row is found when its turn comes, from the row as
 * it was given and from all rows that were taken off before, in their order. Columns that are gone are dropped now and
 * then, so that these rows become shorter.
 */
#include "moved.h"
#include <math.h>

enum { DROP = 128, DEPTH = 8 }; /* DROP : steps until columns are dropped */

struct surgery {
    size_t columns, stride;    /* columns that are left, and from one row to the next */
    uint32_t *places, *stay;   /* which input a column is; the columns that stay */
    double *now, *raw, *least; /* of the columns; raw : the diagonal; least : below 0 of a column that is gone */
    double *loss, *factors;    /* of the columns, of the steps */
    double *rows, *scaled;     /* of the steps: inverse[q] by inputs, and inverse[q] / d[q] by columns */
};

/* The columns that stay move together. */
static TARGET void drop_columns(struct surgery *of, size_t steps)
{
    size_t left = 0;
    for (size_t j = 0; j < of->columns; j++)
        if (of->least[j] >= 0.0)
            of->stay[left++] = (uint32_t)j;
    for (size_t j = 0; j < left; j++) {
        const size_t from = of->stay[j];
        of->places[j] = of->places[from];
        of->now[j] = of->now[from];
        of->raw[j] = of->raw[from];
        of->least[j] = of->least[from];
    }
    for (size_t s = 0; s < steps; s++) {
        double *row = of->scaled + s * of->stride;
        for (size_t j = 0; j < left; j++)
            row[j] = row[of->stay[j]];
    }
    of->columns = left;
}

/* Row q of the inverse as it is after so many steps, and over d. Rows are read from their begin to their end, DEPTH of
 * them at a time, so that the processor sees what comes next; each is far from the one before it. */
static TARGET void find_row(const struct surgery *of, size_t steps, const double *given, double d, double *row,
                            double *scaled)
{
    for (size_t j = 0; j < of->columns; j++)
        row[j] = given[of->places[j]];
    memset(row + of->columns, 0, (of->stride - of->columns) * sizeof *row);
    size_t s = 0;
    for (; s + DEPTH <= steps; s += DEPTH) {
        const double *taken = of->scaled + s * of->stride, *by = of->factors + s;
        for (size_t j = 0; j < of->columns; j += 2 * LANES) { /* the rest of a block is of no use */
            VEC first = read_vector(row + j), second = read_vector(row + j + LANES);
            RC_UNROLL for (size_t i = 0; i < DEPTH; i++) {
                first -= by[i] * read_vector(taken + i * of->stride + j);
                second -= by[i] * read_vector(taken + i * of->stride + j + LANES);
            }
            write_vector(row + j, first);
            write_vector(row + j + LANES, second);
        }
    }
    for (; s < steps; s++)
        for (size_t j = 0; j < of->columns; j += LANES)
            write_vector(row + j,
                         read_vector(row + j) - of->factors[s] * read_vector(of->scaled + s * of->stride + j));
    for (size_t j = 0; j < of->columns; j += LANES)
        write_vector(scaled + j, read_vector(row + j) / d);
}

/* The column whose removal costs least, of equal ones the last; a NaN before all others, as NumPy has it. */
static TARGET size_t cheapest(const struct surgery *of)
{
    for (size_t j = 0; j < of->columns; j += LANES) {
        const VEC now = read_vector(of->now + j), raw = read_vector(of->raw + j), least = read_vector(of->least + j);
        const VEC d = chosen(raw < least, least, raw);
        write_vector(of->loss + j, chosen(least < all(0.0), all(INFINITY), now * now / (2 * d)));
    }
    size_t q = 0;
    double best = INFINITY;
    for (size_t j = 0; j < of->columns; j++) {
        const double loss = of->loss[j];
        if (loss <= best || loss != loss) {
            best = loss;
            q = j;
        }
    }
    return q;
}

int TARGET PRUNE_OBS(size_t begin, size_t end, size_t k, size_t count, const float *w, const double *inverse,
                     const double *least, double *room, uint32_t *places, int64_t *order, double *loss)
{
    /* An odd multiple: rows that are a multiple of 4 KiB apart would push each other out of L1. */
    const size_t stride = ((k + RC_OBS_COLUMNS - 1) / RC_OBS_COLUMNS | 1) * RC_OBS_COLUMNS;
    for (size_t r = begin; r < end; r++) {
        struct surgery of = {.columns = k, .stride = stride, .places = places, .stay = places + k, .now = room,
                             .raw = room + stride, .least = room + 2 * stride, .loss = room + 3 * stride,
                             .factors = room + 4 * stride, .rows = room + 5 * stride,
                             .scaled = room + (5 + count) * stride};
        memset(room, 0, 4 * stride * sizeof *room);
        for (size_t j = 0; j < k; j++) {
            places[j] = (uint32_t)j;
            of.now[j] = (double)w[r * k + j];
            of.raw[j] = inverse[j * k + j];
            of.least[j] = least[j];
        }
        for (size_t step = 0; step < count; step++) {
            if (step && step % DROP == 0)
                drop_columns(&of, step);
            const size_t q = cheapest(&of);
            const double d = of.raw[q] < of.least[q] ? of.least[q] : of.raw[q], by = of.now[q] / d;
            order[r * count + step] = of.places[q];
            loss[r * count + step] = of.loss[q];
            for (size_t s = 0; s < step; s++)
                of.factors[s] = of.rows[s * stride + of.places[q]];
            double *row = of.loss, *scaled = of.scaled + step * stride; /* the losses are of no use any more */
            find_row(&of, step, inverse + of.places[q] * k, d, row, scaled);
            for (size_t j = 0; j < of.columns; j++)
                of.rows[step * stride + of.places[j]] = row[j];
            for (size_t j = 0; j < of.columns; j += LANES) {
                const VEC own = read_vector(row + j);
                write_vector(of.now + j, read_vector(of.now + j) - by * own);
                write_vector(of.raw + j, read_vector(of.raw + j) - own * read_vector(scaled + j));
            }
            of.least[q] = -1.0;
        }
    }
    return RC_OK;
}
