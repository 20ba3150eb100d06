/* Template of the exact int8 products, y = x w^T. Included once for each kernel, after these were defined:
 *
 * KERNEL, TARGET       the function's name and its instruction set
 * X                    int8_t or uint8_t
 * VEC, STEP            a vector of int32 sums; how many inputs one `dot` takes
 * MR, NR               rows of x and of w in a tile: its MR * NR sums and a few operands must fit the registers
 * PACKED               the type in which an input of w is packed
 * load(x), load_some(x, count)    a STEP of x; its first count < STEP, zeros behind, reading nothing past them
 * pack(w, count, out)  write a STEP of w of which count <= STEP are there (what stands behind them meets zeros of x)
 * dot(acc, x, w)       acc plus the products, each lane the sum of neighbours
 * total4(v, out)       the four sums over the lanes of v[0], .. v[3]
 * BIAS                 `pack` adds it to each weight, so BIAS times the sum of x is taken off in the end (0: it does not)
 *
 * The idea: NR rows of w are packed, a block of inputs at a time, and serve all rows of x before the next block; the sums
 * wait on the stack meanwhile. So a weight is widened once per block of x rows and not once per row, and every load of the
 * tile comes from L1 (w) or L2 (x). All sums are exact, so the order is free.
 */
#define PASTE_(a, b) a##b
#define PASTE(a, b) PASTE_(a, b)

RC_INLINE TARGET void PASTE(KERNEL, _tile)(const size_t mr, const X *x, size_t k, size_t count, const PACKED *w, VEC *sums)
{
    VEC acc[MR][NR];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            acc[i][o] = sums[i * NR + o];
    VEC input[MR];
    /* One loop for whole steps and the rest: beside a second loop GCC 12 stores all sums in every step of the first. */
    for (size_t p = 0; p < count; p += STEP, w += NR * STEP) {
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            input[i] = p + STEP <= count ? load(x + i * k + p) : load_some(x + i * k + p, count - p);
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                acc[i][o] = dot(acc[i][o], input[i], w + o * STEP);
    }
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            sums[i * NR + o] = acc[i][o];
}

/* The sum of a row of x, modulo 2^32: its product with ones. */
RC_INLINE TARGET uint32_t PASTE(KERNEL, _sum)(const X *x, size_t k)
{
    PACKED ones[STEP] __attribute__((aligned(64)));
    for (size_t p = 0; p < STEP; p++)
        ones[p] = 1;
    VEC v[4];
    memset(v, 0, sizeof v);
    size_t p = 0;
    for (; p + STEP <= k; p += STEP)
        v[0] = dot(v[0], load(x + p), ones);
    if (p < k)
        v[0] = dot(v[0], load_some(x + p, k - p), ones);
    int32_t totals[4];
    total4(v, totals);
    return (uint32_t)totals[0];
}

TARGET int KERNEL(size_t begin, size_t end, size_t m, size_t n, size_t k, const X *x, const int8_t *w, int32_t *y)
{
    /* 32 steps: a tile's sums are loaded and stored once for 32 uses, and NR packed rows with MR rows of x fill about half of
     * a 32 KiB L1. 64 rows of x: packing is then a few per cent; fewer where they would fill more than half of a 512 KiB L2. */
    enum { STEPS = 32, ROWS = 60, L2 = 1 << 18 };
    const size_t fitting = k ? L2 / k / MR * MR : ROWS, rows = fitting > ROWS ? ROWS : fitting > 2 * MR ? fitting : 2 * MR;
    VEC sums[ROWS * NR];
    PACKED packed[STEPS * NR * STEP] __attribute__((aligned(64)));
    int32_t totals[ROWS * NR];
    uint32_t excess[ROWS] = {0};

    for (size_t i0 = 0; i0 < m; i0 += rows) {
        const size_t height = m - i0 < rows ? m - i0 : rows;
        if (BIAS)
            for (size_t i = 0; i < height; i++)
                excess[i] = BIAS * PASTE(KERNEL, _sum)(x + (i0 + i) * k, k);
        for (size_t o0 = begin; o0 < end; o0 += NR) {
            const size_t width = end - o0 < NR ? end - o0 : NR;
            memset(sums, 0, (height * NR + 3) / 4 * 4 * sizeof *sums); /* by fours, as they are read */
            for (size_t p0 = 0; p0 < k; p0 += STEPS * STEP) {
                const size_t count = k - p0 < STEPS * STEP ? k - p0 : STEPS * STEP;
                for (size_t o = 0; o < NR; o++) { /* a tile past the range repeats its first row, and drops the results */
                    const int8_t *row = w + (o0 + (o < width ? o : 0)) * k + p0;
                    size_t p = 0;
                    for (; p + STEP <= count; p += STEP)
                        pack(row + p, STEP, packed + p * NR + o * STEP);
                    if (p < count)
                        pack(row + p, count - p, packed + p * NR + o * STEP);
                }
                /* Memory is far: ask for the next block of w while this one is multiplied. */
                const int last = p0 + count == k;
                const int8_t *ahead = last ? w + (o0 + NR) * k : w + o0 * k + p0 + count;
                const size_t there = !last ? width : end - o0 - width < NR ? end - o0 - width : NR;
                for (size_t o = 0; o < there; o++)
                    for (size_t p = 0; p < count; p += 64)
                        __builtin_prefetch(ahead + o * k + p, 0, 2);
                for (size_t i = 0; i < height; i += MR) {
                    const X *row = x + (i0 + i) * k + p0;
                    VEC *tile = sums + i * NR;
                    switch (height - i) {
                    case 1: PASTE(KERNEL, _tile)(1, row, k, count, packed, tile); break;
                    case 2: PASTE(KERNEL, _tile)(2, row, k, count, packed, tile); break;
                    case 3: PASTE(KERNEL, _tile)(3, row, k, count, packed, tile); break;
                    default: PASTE(KERNEL, _tile)(MR, row, k, count, packed, tile);
                    }
                }
            }
            for (size_t t = 0; t < height * NR; t += 4)
                total4(sums + t, totals + t);
            for (size_t i = 0; i < height; i++)
                for (size_t o = 0; o < width; o++)
                    y[(i0 + i) * n + o0 + o] = (int32_t)((uint32_t)totals[i * NR + o] - excess[i]);
        }
    }
    return RC_OK;
}
#undef PASTE_
#undef PASTE
#undef KERNEL
#undef X
