/* Template of the products of float32 with rows of scaled int8 and int16 weights, y = x w^T. Included after these were
 * defined:
 *
 * KERNEL               the function's name
 * TARGET, VEC, LANES, MASK, v_..   vectors of floats, as vec_avx2.h has them: a vector holds LANES of an element's 16
 * chains
 * MR, NR               rows of x and of w in a tile: its MR * NR vectors and a few operands must fit the registers
 * pack8(w, count, z, out)  write float(w - z) of 16 int8 weights of which count are there, zeros behind
 * pack16(w, count, z, out) and of 16 int16 weights
 *
 * The idea is that of int8.h: NR rows of w become floats, a block of steps at a time, and serve all rows of x before
 * the next block; the chains wait on the stack meanwhile and go on where they stopped. A step is 16 inputs, or what is
 * left of a group. The order of sums is the header's: nothing here is free to be rearranged but the order of the
 * elements.
 *
 * A lane without an input adds 0 * 0 to its chain, which changes nothing: an inner chain is never -0.0, since it starts
 * from +0.0 and its sums are multiples of the smallest float, none of which rounds to zero.
 *
 * The constant `wide` says of what type the weights are: int16_t, else int8_t.
 */
#include "blocks.h"
#include "chains.h"

/* Steps of a block: KC is 512 inputs. NR packed rows and MR rows of x then take 20 KiB (AVX-512) or 14 KiB (AVX2) of
 * L1's 32. */
enum { STEPS = 32, KC = STEPS * 16 };

RC_INLINE int zero_of(const int wide, const struct rc_quantized *w, size_t g)
{
    return wide ? ((const int16_t *)w->zero_point)[g] : ((const int8_t *)w->zero_point)[g];
}

RC_INLINE TARGET void pack(const int wide, const struct rc_quantized *w, size_t at, size_t count, int z, float *out)
{
    if (wide)
        pack16((const int16_t *)w->values + at, count, (int16_t)z, out);
    else
        pack8((const int8_t *)w->values + at, count, (int8_t)z, out);
}

/* Pack the inputs from p0 on of row o, 16 a step, to every NR * 16th float; return where the block ends. */
RC_INLINE TARGET size_t pack_row(const int wide, const struct rc_quantized *w, size_t o, size_t p0, float *out)
{
    size_t p = p0, steps = STEPS, g = o * w->stride + p0 / w->group;
    for (size_t stop = rc_min(w->k, (p0 / w->group + 1) * w->group); p < w->k && steps > 0;
         g++, stop = rc_min(w->k, stop + w->group)) {
        const int z = zero_of(wide, w, g);
        for (; p + 16 <= stop && steps > 0; p += 16, steps--, out += NR * 16)
            pack(wide, w, o * w->k + p, 16, z, out);
        if (p < stop && steps > 0) {
            pack(wide, w, o * w->k + p, stop - p, z, out);
            p = stop;
            steps--;
            out += NR * 16;
        }
    }
    return p;
}

/* Accumulate the inputs p0 .. p1 of a row of k into the chains of a tile, those from `lane` on. scale[o] points at the
 * scale of the first group. */
RC_INLINE TARGET void tile(const size_t mr, const size_t lane, const float *x, size_t ldx, size_t k, size_t group,
                           size_t p0, size_t p1, const float *packed, const float *const *scale, float *inner,
                           float *acc)
{
    VEC v[MR][NR], input[MR];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            v[i][o] = v_load(inner + (i * NR + o) * 16 + lane);
    x += lane;
    packed += lane;
    size_t stop = rc_min(k, p0 / group * group + group);
    for (size_t p = p0, g = 0; p < p1;) {
        const size_t until = rc_min(stop, p1);
        for (; p + 16 <= until; p += 16, packed += NR * 16) {
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                input[i] = v_load(x + i * ldx + p);
            RC_UNROLL for (size_t o = 0; o < NR; o++) {
                const VEC weight = v_load(packed + o * 16);
                RC_UNROLL for (size_t i = 0; i < mr; i++)
                    v[i][o] = v_fma(input[i], weight, v[i][o]);
            }
        }
        if (p < until) {
            const MASK some = v_mask(until - p < lane ? 0 : rc_min(until - p - lane, LANES));
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                input[i] = v_load_some(x + i * ldx + p, some);
            RC_UNROLL for (size_t o = 0; o < NR; o++) {
                const VEC weight = v_load(packed + o * 16);
                RC_UNROLL for (size_t i = 0; i < mr; i++)
                    v[i][o] = v_fma(input[i], weight, v[i][o]);
            }
            packed += NR * 16;
            p = until;
        }
        if (p == stop) {
            RC_UNROLL for (size_t o = 0; o < NR; o++) {
                const VEC s = v_set1(scale[o][g]);
                RC_UNROLL for (size_t i = 0; i < mr; i++) {
                    float *to = acc + (i * NR + o) * 16 + lane;
                    v_store(to, v_fma(s, v[i][o], v_load(to)));
                    v[i][o] = v_zero();
                }
            }
            g++;
            stop = rc_min(k, stop + group);
        }
    }
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            v_store(inner + (i * NR + o) * 16 + lane, v[i][o]);
}

/* Accumulate the packed inputs p0 .. p1 into the chains of `height` rows of x. */
RC_INLINE TARGET void multiply_block(size_t height, const float *x, size_t ldx, size_t k, size_t group, size_t p0,
                                     size_t p1, const float *packed, const float *const *scale, float *inner,
                                     float *acc)
{
    for (size_t i = 0; i < height; i += MR) {
        const float *row = x + i * ldx;
        const size_t at = i * NR * 16;
        RC_UNROLL for (size_t lane = 0; lane < 16; lane += LANES) {
            switch (height - i) {
            case 1: tile(1, lane, row, ldx, k, group, p0, p1, packed, scale, inner + at, acc + at); break;
            case 2: tile(2, lane, row, ldx, k, group, p0, p1, packed, scale, inner + at, acc + at); break;
            case 3: tile(3, lane, row, ldx, k, group, p0, p1, packed, scale, inner + at, acc + at); break;
            default: tile(MR, lane, row, ldx, k, group, p0, p1, packed, scale, inner + at, acc + at);
            }
        }
    }
}

/* Accumulate all inputs of w into the chains of `height` rows of x and the rows o0 .. o0 + width of w. `left` rows of w
 * are to come in this range, from o0 on. At the end every inner chain is zero again: a group ends there. */
RC_INLINE TARGET void accumulate(const int wide, const struct rc_quantized *w, size_t o0, size_t width, size_t left,
                                 size_t height, const float *x, size_t ldx, float *inner, float *acc)
{
    const size_t k = w->k, bytes = wide ? sizeof(int16_t) : sizeof(int8_t);
    float packed[NR * KC] __attribute__((aligned(64)));
    for (size_t p0 = 0, p1 = 0; p0 < k; p0 = p1) {
        const float *scale[NR];
        for (size_t o = 0; o < NR; o++) { /* a tile past the range repeats its first row, and drops the results */
            const size_t row = o0 + (o < width ? o : 0);
            scale[o] = w->scale + row * w->stride + p0 / w->group;
            p1 = pack_row(wide, w, row, p0, packed + o * 16);
        }
        const size_t next = p1 < k ? o0 * k + p1 : (o0 + NR) * k;
        prefetch_block((const char *)w->values + next * bytes, p1 < k ? width : rc_min(NR, left - width), k * bytes,
                       rc_min(k, KC) * bytes);
        multiply_block(height, x, ldx, k, w->group, p0, p1, packed, scale, inner, acc);
    }
}

/* The products of rows that have one part after the other: low of int8 and high of int16. */
RC_INLINE TARGET void products(size_t begin, size_t end, size_t m, size_t n, const float *x,
                               const struct rc_quantized *low, const struct rc_quantized *high, const int64_t *outputs,
                               float *y)
{
    const size_t k = low->k + high->k, rows = rows_at_a_time(k * sizeof *x, MR);
    float inner[MC * NR * 16] __attribute__((aligned(64))), acc[MC * NR * 16] __attribute__((aligned(64)));
    float totals[MC * NR];

    for (size_t i0 = 0; i0 < m; i0 += rows) {
        const size_t height = rc_min(m - i0, rows);
        const size_t used = (height + 3) / 4 * 4 * NR * 16 * sizeof *acc;
        for (size_t o0 = begin; o0 < end; o0 += NR) {
            const size_t width = rc_min(end - o0, NR);
            memset(inner, 0, used);
            memset(acc, 0, used);
            accumulate(0, low, o0, width, end - o0, height, x + i0 * k, k, inner, acc);
            accumulate(1, high, o0, width, end - o0, height, x + i0 * k + low->k, k, inner, acc);
            for (size_t t = 0; t < height * NR; t += 4)
                reduce_four(acc + t * 16, totals + t);
            for (size_t i = 0; i < height; i++)
                for (size_t o = 0; o < width; o++)
                    y[(i0 + i) * n + (size_t)outputs[o0 + o]] = totals[i * NR + o];
        }
    }
}

/* The structures are copied: for all that the compiler knows, a store of a vector could change the caller's. */
TARGET int KERNEL(size_t begin, size_t end, size_t m, size_t n, const float *x, const struct rc_quantized *w8,
                        const struct rc_quantized *w16, const int64_t *outputs, float *y)
{
    const struct rc_quantized low = *w8, high = *w16;
    products(begin, end, m, n, x, &low, &high, outputs, y);
    return RC_OK;
}
