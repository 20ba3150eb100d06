/* Template of blocks times dense with vectors across the columns of x. Included after columns.h and what it needs, and
 *
 * BLOCKS     the function's name
 * BLOCK_SIDE rows that go side by side with four vectors of columns: as many as there are registers for
 *
 * A few rows of a block row walk over its blocks, their sums in registers: each row of x that is loaded serves all of
 * them, and no entry has an index.
 */

/* y = sums, or y + 0 + sums, of rows that lie side by side. */
RC_INLINE TARGET void store_sums(const size_t side, const size_t vectors, const int masked, const MASK mask, size_t n,
                                 int add, VEC (*acc)[4], float *y)
{
    const VEC one = v_set1(1.0f);
    RC_UNROLL for (size_t r = 0; r < side; r++)
        RC_UNROLL for (size_t v = 0; v < vectors; v++) {
            float *to = y + r * n + v * LANES;
            const int some = masked && v + 1 == vectors;
            VEC total = v_zero();
            if (add) /* 1 y + 0: +0.0 of each zero */
                total = v_fma(one, some ? v_load_some(to, mask) : v_load(to), total);
            total = v_fma(one, acc[r][v], total);
            if (some)
                v_store_some(to, mask, total);
            else
                v_store(to, total);
        }
}

/* `side` rows of one block row, from row i on. */
RC_INLINE TARGET int rows_of_blocks(const size_t side, const size_t vectors, const int masked, const MASK mask,
                                    size_t i, size_t n, int add, const struct rc_sparse *a, const float *x, float *y)
{
    const size_t rows = a->block_rows, columns = a->block_columns;
    const size_t begin = row_begin(a, i), end = row_begin(a, (i / rows + 1) * rows);
    size_t next = 0;
    VEC acc[8][4];
    if (begin > end || end > a->nnz)
        return RC_BAD_INDEX;
    RC_UNROLL for (size_t r = 0; r < side; r++)
        RC_UNROLL for (size_t v = 0; v < vectors; v++)
            acc[r][v] = v_zero();
    const float *value = (const float *)a->data + (begin * rows + i % rows) * columns;
    for (size_t b = begin; b < end; b++, value += rows * columns) {
        const size_t first = (size_t)a->columns[b] * columns;
        if (first < next || first >= a->k) /* it was changed meanwhile */
            return RC_BAD_INDEX;
        next = first + columns;
        const float *input = x + first * n;
        for (size_t t = 0; t < columns; t++, input += n) {
            VEC of_x[4];
            RC_UNROLL for (size_t v = 0; v < vectors; v++)
                of_x[v] = masked && v + 1 == vectors ? v_load_some(input + v * LANES, mask) : v_load(input + v * LANES);
            RC_UNROLL for (size_t r = 0; r < side; r++) {
                const VEC weight = v_set1(value[r * columns + t]);
                RC_UNROLL for (size_t v = 0; v < vectors; v++)
                    acc[r][v] = v_fma(weight, of_x[v], acc[r][v]);
            }
        }
    }
    store_sums(side, vectors, masked, mask, n, add, acc, y + i * n);
    return RC_OK;
}

/* A block of one row: its weights times the rows of x under it, from `input` on. */
RC_INLINE TARGET void add_weight(const size_t vectors, const int masked, const MASK mask, float value,
                                 const float *input, VEC *acc)
{
    const VEC weight = v_set1(value);
    RC_UNROLL for (size_t v = 0; v < vectors; v++, input += LANES)
        acc[v] = v_fma(weight, masked && v + 1 == vectors ? v_load_some(input, mask) : v_load(input), acc[v]);
}

/* `side` rows from row i on, where a block has one row: each has blocks of its own. They go side by side as far as the
 * shortest one, because a chain waits for its last sum. one_column : a block is a single weight. */
RC_INLINE TARGET int single_rows(const size_t side, const size_t vectors, const int masked, const MASK mask,
                                 const int one_column, size_t i, size_t n, int add, const struct rc_sparse *a,
                                 const float *x, float *y)
{
    const size_t columns = one_column ? 1 : a->block_columns;
    size_t begin[8], count[8], next[8], common = SIZE_MAX;
    VEC acc[8][4];
    RC_UNROLL for (size_t r = 0; r < side; r++) {
        const size_t end = row_begin(a, i + r + 1);
        begin[r] = row_begin(a, i + r);
        if (begin[r] > end || end > a->nnz)
            return RC_BAD_INDEX;
        count[r] = end - begin[r];
        common = rc_min(common, count[r]);
        next[r] = 0;
        RC_UNROLL for (size_t v = 0; v < vectors; v++)
            acc[r][v] = v_zero();
    }
    for (size_t e = 0; e < common; e++) {
        const float *value[8], *input[8];
        RC_UNROLL for (size_t r = 0; r < side; r++) {
            const size_t first = (size_t)a->columns[begin[r] + e] * columns;
            if (first < next[r] || first >= a->k) /* it was changed meanwhile */
                return RC_BAD_INDEX;
            next[r] = first + columns;
            value[r] = (const float *)a->data + (begin[r] + e) * columns;
            input[r] = x + first * n;
        }
        for (size_t t = 0; t < columns; t++)
            RC_UNROLL for (size_t r = 0; r < side; r++)
                add_weight(vectors, masked, mask, value[r][t], input[r] + t * n, acc[r]);
    }
    RC_UNROLL for (size_t r = 0; r < side; r++)
        for (size_t e = common; e < count[r]; e++) {
            const size_t first = (size_t)a->columns[begin[r] + e] * columns;
            if (first < next[r] || first >= a->k)
                return RC_BAD_INDEX;
            next[r] = first + columns;
            for (size_t t = 0; t < columns; t++)
                add_weight(vectors, masked, mask, ((const float *)a->data)[(begin[r] + e) * columns + t],
                           x + (first + t) * n, acc[r]);
        }
    store_sums(side, vectors, masked, mask, n, add, acc, y + i * n);
    return RC_OK;
}

RC_INLINE TARGET int all_blocks(const size_t vectors, const int masked, const MASK mask, size_t begin, size_t end,
                                size_t n, int add, const struct rc_sparse *a, const float *x, float *y)
{
    const size_t most = vectors > 2 ? BLOCK_SIDE : 2 * BLOCK_SIDE;
    const int one_column = a->block_columns == 1;
    int bad = 0;
    size_t i = begin;
    if (a->block_rows == 1) /* the rest goes one after the other below */
        for (; i + most <= end && !bad; i += most)
            bad = one_column ? single_rows(most, vectors, masked, mask, 1, i, n, add, a, x, y)
                             : single_rows(most, vectors, masked, mask, 0, i, n, add, a, x, y);
    while (i < end && !bad) {
        const size_t left = rc_min(end - i, a->block_rows - i % a->block_rows);
        if (left >= most) {
            bad = rows_of_blocks(most, vectors, masked, mask, i, n, add, a, x, y);
            i += most;
        } else if (left >= most / 2 && most >= 4) {
            bad = rows_of_blocks(most / 2, vectors, masked, mask, i, n, add, a, x, y);
            i += most / 2;
        } else {
            bad = rows_of_blocks(1, vectors, masked, mask, i, n, add, a, x, y);
            i++;
        }
    }
    return bad;
}

static TARGET int BLOCKS(size_t begin, size_t end, size_t width, size_t n, int add, const struct rc_sparse *a,
                         const float *x, float *y)
{
    /* Where two rows by four vectors are as many sums as there are registers for, four by two load less of x. */
    const size_t wide = BLOCK_SIDE < 4 && a->block_rows >= 2 * BLOCK_SIDE ? 2 * LANES : 4 * LANES;
    int bad = 0;
    for (size_t j = 0; !bad && j < width; j += wide) {
        const size_t columns = rc_min(width - j, wide);
        const MASK mask = v_mask(columns % LANES);
        const int masked = columns % LANES != 0;
        switch ((columns + LANES - 1) / LANES * 2 + (size_t)masked) {
        case 2: bad = all_blocks(1, 0, mask, begin, end, n, add, a, x + j, y + j); break;
        case 3: bad = all_blocks(1, 1, mask, begin, end, n, add, a, x + j, y + j); break;
        case 4: bad = all_blocks(2, 0, mask, begin, end, n, add, a, x + j, y + j); break;
        case 5: bad = all_blocks(2, 1, mask, begin, end, n, add, a, x + j, y + j); break;
        case 6: bad = all_blocks(3, 0, mask, begin, end, n, add, a, x + j, y + j); break;
        case 7: bad = all_blocks(3, 1, mask, begin, end, n, add, a, x + j, y + j); break;
        case 8: bad = all_blocks(4, 0, mask, begin, end, n, add, a, x + j, y + j); break;
        default: bad = all_blocks(4, 1, mask, begin, end, n, add, a, x + j, y + j);
        }
    }
    return bad;
}
