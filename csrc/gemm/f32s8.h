/* Template of the products of float32 with scaled int8 weights, y = x w^T, and with rows of int8 and int16 weights. Included
 * after these were defined:
 *
 * KERNEL, KERNEL_MIXED the functions' names
 * TARGET               their instruction set
 * VEC, LANES           a vector of floats; its length, 16 or a divisor of it: a vector holds LANES of an element's 16 chains
 * MR, NR               rows of x and of w in a tile: its MR * NR vectors and a few operands must fit the registers
 * zero(), load(x), store(y, v), set1(a), fma(a, b, c)
 * load_some(x, count)  the first count lanes, zeros behind, reading nothing past them
 * pack8(w, count, z, out)  write float(w - z) of 16 int8 weights of which count are there, zeros behind
 * pack16(w, count, z, out) and of 16 int16 weights
 *
 * The idea is that of int8.h: NR rows of w become floats, a block of steps at a time, and serve all rows of x before the
 * next block; the chains wait on the stack meanwhile and go on where they stopped. A step is 16 inputs, or what is left of
 * a group. The order of sums is the header's: nothing here is free to be rearranged but the order of the elements.
 *
 * A lane without an input adds 0 * 0 to its chain, which changes nothing: an inner chain is never -0.0, since it starts from
 * +0.0 and its sums are multiples of the smallest float, none of which rounds to zero.
 */
#include "tree.h"

enum { STEPS = 32, ROWS = 60 };

RC_INLINE size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* The weights of one part of the rows, all of one width: a constant wherever this is used, so that no test remains. */
struct part {
    size_t k, group, stride, first; /* inputs; of a group; between rows of scales; where in a row of x its inputs begin */
    size_t bytes;                   /* of a weight: 1 or 2 */
    const void *w, *zero_point;     /* int8_t or int16_t */
    const float *scale;
};

RC_INLINE TARGET void pack(const struct part *a, size_t at, size_t count, int z, float *out)
{
    if (a->bytes == 1)
        pack8((const int8_t *)a->w + at, count, (int8_t)z, out);
    else
        pack16((const int16_t *)a->w + at, count, (int16_t)z, out);
}

/* Pack the inputs from p0 on of row o, 16 a step, to every NR * 16th float; return where the block ends. */
RC_INLINE TARGET size_t pack_row(const struct part *a, size_t o, size_t p0, float *out)
{
    size_t p = p0, steps = STEPS, g = o * a->stride + p0 / a->group;
    for (size_t stop = least(a->k, (p0 / a->group + 1) * a->group); p < a->k && steps > 0;
         g++, stop = least(a->k, stop + a->group)) {
        const int z = a->bytes == 1 ? ((const int8_t *)a->zero_point)[g] : ((const int16_t *)a->zero_point)[g];
        for (; p + 16 <= stop && steps > 0; p += 16, steps--, out += NR * 16)
            pack(a, o * a->k + p, 16, z, out);
        if (p < stop && steps > 0) {
            pack(a, o * a->k + p, stop - p, z, out);
            p = stop;
            steps--;
            out += NR * 16;
        }
    }
    return p;
}

/* Carry on the chains of a tile, those from `lane` on, over the inputs p0 .. p1 of a part of k; rows of x are `across` apart.
 * scale[o] points at the first group's. */
RC_INLINE TARGET void tile(const size_t mr, const size_t lane, const float *x, size_t across, size_t k, size_t group,
                           size_t p0, size_t p1, const float *packed, const float *const *scale, float *inner, float *acc)
{
    VEC v[MR][NR], input[MR];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            v[i][o] = load(inner + (i * NR + o) * 16 + lane);
    x += lane;
    packed += lane;
    size_t stop = least(k, p0 / group * group + group);
    for (size_t p = p0, g = 0; p < p1;) {
        const size_t until = least(stop, p1);
        for (; p + 16 <= until; p += 16, packed += NR * 16) {
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                input[i] = load(x + i * across + p);
            RC_UNROLL for (size_t o = 0; o < NR; o++) {
                const VEC weight = load(packed + o * 16);
                RC_UNROLL for (size_t i = 0; i < mr; i++)
                    v[i][o] = fma(input[i], weight, v[i][o]);
            }
        }
        if (p < until) {
            const size_t count = until - p < lane ? 0 : until - p - lane < LANES ? until - p - lane : LANES;
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                input[i] = load_some(x + i * across + p, count);
            RC_UNROLL for (size_t o = 0; o < NR; o++) {
                const VEC weight = load(packed + o * 16);
                RC_UNROLL for (size_t i = 0; i < mr; i++)
                    v[i][o] = fma(input[i], weight, v[i][o]);
            }
            packed += NR * 16;
            p = until;
        }
        if (p == stop) {
            RC_UNROLL for (size_t o = 0; o < NR; o++) {
                const VEC s = set1(scale[o][g]);
                RC_UNROLL for (size_t i = 0; i < mr; i++) {
                    float *to = acc + (i * NR + o) * 16 + lane;
                    store(to, fma(s, v[i][o], load(to)));
                    v[i][o] = zero();
                }
            }
            g++;
            stop = least(k, stop + group);
        }
    }
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            store(inner + (i * NR + o) * 16 + lane, v[i][o]);
}

/* Carry on the chains of `height` rows of x and the rows o0 .. o0 + width of w, over all inputs of a part. `left` rows of w are
 * to come in this range, from o0 on. At the end every inner chain is zero again: a group ends there. */
RC_INLINE TARGET void carry_on(const struct part *a, size_t o0, size_t width, size_t left, size_t height, const float *x,
                               size_t across, float *inner, float *acc)
{
    float packed[STEPS * NR * 16] __attribute__((aligned(64)));
    for (size_t p0 = 0, p1 = 0; p0 < a->k; p0 = p1) {
        const float *from[NR];
        for (size_t o = 0; o < NR; o++) { /* a tile past the range repeats its first row, and drops the results */
            const size_t row = o0 + (o < width ? o : 0);
            from[o] = a->scale + row * a->stride + p0 / a->group;
            p1 = pack_row(a, row, p0, packed + o * 16);
        }
        /* Memory is far: ask for the next block of w while this one is multiplied. */
        const char *ahead = (const char *)a->w + (p1 < a->k ? o0 * a->k + p1 : (o0 + NR) * a->k) * a->bytes;
        const size_t there = p1 < a->k ? width : least(NR, left - width);
        for (size_t o = 0; o < there; o++)
            for (size_t p = 0; p < least(a->k, STEPS * 16) * a->bytes; p += 64)
                __builtin_prefetch(ahead + o * a->k * a->bytes + p, 0, 2);
        for (size_t i = 0; i < height; i += MR) {
            const float *row = x + i * across + a->first;
            const size_t at = i * NR * 16, k = a->k, g = a->group;
            RC_UNROLL for (size_t lane = 0; lane < 16; lane += LANES) {
                switch (height - i) {
                case 1: tile(1, lane, row, across, k, g, p0, p1, packed, from, inner + at, acc + at); break;
                case 2: tile(2, lane, row, across, k, g, p0, p1, packed, from, inner + at, acc + at); break;
                case 3: tile(3, lane, row, across, k, g, p0, p1, packed, from, inner + at, acc + at); break;
                default: tile(MR, lane, row, across, k, g, p0, p1, packed, from, inner + at, acc + at);
                }
            }
        }
    }
}

/* The products of rows that have one part after the other; both is whether there is a second one. */
RC_INLINE TARGET void products(size_t begin, size_t end, size_t m, size_t n, const struct part *first, const int both,
                               const struct part *second, const float *x, const int64_t *place, float *y)
{
    const size_t k = first->k + (both ? second->k : 0);
    /* As in int8.h: the rows of x that a tile of w meets fill at most 512 KiB of L2. */
    const size_t fitting = k ? ((size_t)1 << 17) / k / MR * MR : ROWS;
    const size_t rows = fitting > ROWS ? ROWS : fitting > 2 * MR ? fitting : 2 * MR;
    float inner[ROWS * NR * 16] __attribute__((aligned(64))), acc[ROWS * NR * 16] __attribute__((aligned(64)));
    float totals[ROWS * NR];

    for (size_t i0 = 0; i0 < m; i0 += rows) {
        const size_t height = least(m - i0, rows);
        const size_t used = (height + 3) / 4 * 4 * NR * 16 * sizeof *acc;
        for (size_t o0 = begin; o0 < end; o0 += NR) {
            const size_t width = least(end - o0, NR);
            memset(inner, 0, used);
            memset(acc, 0, used);
            carry_on(first, o0, width, end - o0, height, x + i0 * k, k, inner, acc);
            if (both)
                carry_on(second, o0, width, end - o0, height, x + i0 * k, k, inner, acc);
            for (size_t t = 0; t < height * NR; t += 4)
                tree4(acc + t * 16, totals + t);
            for (size_t i = 0; i < height; i++)
                for (size_t o = 0; o < width; o++)
                    y[(i0 + i) * n + (both ? (size_t)place[o0 + o] : o0 + o)] = totals[i * NR + o];
        }
    }
}

TARGET int KERNEL(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t group, size_t stride, const float *x,
                  const int8_t *w, const float *scale, const int8_t *zero_point, float *y)
{
    const struct part all = {k, group, stride, 0, 1, w, zero_point, scale};
    products(begin, end, m, n, &all, 0, NULL, x, NULL, y);
    return RC_OK;
}

TARGET int KERNEL_MIXED(size_t begin, size_t end, size_t m, size_t n, size_t k8, size_t group8, size_t stride8, size_t k16,
                        size_t group16, size_t stride16, const float *x, const int8_t *w8, const float *scale8,
                        const int8_t *zero8, const int16_t *w16, const float *scale16, const int16_t *zero16,
                        const int64_t *place, float *y)
{
    const struct part low = {k8, group8, stride8, 0, 1, w8, zero8, scale8};
    const struct part high = {k16, group16, stride16, k8, 2, w16, zero16, scale16};
    products(begin, end, m, n, &low, 1, &high, x, place, y);
    return RC_OK;
}
