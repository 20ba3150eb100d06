/* Template of the products of float32 with narrow weights, y = x w^T. Included after these were defined:
 *
 * TARGET, VEC, LANES, MASK, v_..   vectors of floats, as vec_avx2.h has them
 * MR, NR               rows of x and of w in a tile: MR * NR vectors and a few operands must fit the registers
 * R                    rows of w at a time where x has one row: R * 16 / LANES vectors and a few operands must fit
 * UNIT                 inputs that are decoded at once: a multiple of 16
 * IN_REGISTERS         values of a codebook that registers hold: 16 or 32
 * struct tables        what the decoders look up, made once a call by fill(op, w, tables)
 * decode(how, w, t, codes, g, last, v)   a unit, to UNIT / LANES vectors. codes : where its first code lies; g : the
 *                      group of its first input; last : that of the row's last one, and no later one is read
 *
 * The idea is that of Goto: NR rows of w become floats, a block of KC inputs at a time, and serve MC rows of x before
 * the next block, so that decoding is a few per cent of the work; the chains wait on the stack meanwhile and go on
 * where they stopped. One row of x has no use for that: its weights are decoded in registers and multiplied at once.
 *
 * A lane without an input adds 0 * 0 to its chain, which changes nothing: no chain is ever -0.0, since it starts from
 * +0.0.
 */
#include "blocks.h"
#include "chains.h"

/* A block of KC packed inputs of NR rows and MR rows of x stay in L1: 20 KiB (AVX-512) or 14 KiB (AVX2). A block of
 * TILES * NR rows of w, so that the rows of x, which come from L2 or farther, come once for all of them. */
enum { KC = 512, ROWS = (64 + MR - 1) / MR * MR, SUMS = (ROWS + 3) / 4 * 4 * NR, TILES = 3 };

/* What a decoder is made for, all of it constant. PLAIN : values as they are, or codes a byte each; LESS_ZERO : less
 * their zero points; SCALED : and times a scale; NIBBLES : codes two in a byte; THIRTY_TWO : codes of more than 16
 * values; IN_TABLE : of more than the registers hold. span : the inputs of a unit that share a scale, at most UNIT
 * (which also stands for any multiple of it, and for the whole row). */
enum form { PLAIN, LESS_ZERO, SCALED, NIBBLES, THIRTY_TWO, IN_TABLE };
struct how {
    enum operation op;
    enum form form;
    size_t span;
};

typedef void packer(const struct rc_narrow *w, const struct tables *t, size_t o, size_t p0, size_t p1, float *out,
                    size_t step);
typedef void chainer(const struct rc_narrow *w, const struct tables *t, const size_t *rows, const float *x, float *acc);

/* The group of input p is p >> shift_of: all groups are powers of two, or the whole row. */
RC_INLINE unsigned shift_of(const struct rc_narrow *w)
{
    return w->group >= w->k ? 63 : (unsigned)__builtin_ctzll(w->group);
}

RC_INLINE TARGET void decode(const struct how how, const struct rc_narrow *w, const struct tables *t,
                             const unsigned char *codes, size_t g, size_t last, VEC *v);

/* Inputs p0 .. p1 of row o, 16 of them to every `step` floats; zeros behind the last one. p0 : a multiple of UNIT. */
RC_INLINE TARGET void decode_row(const struct how how, const struct rc_narrow *w, const struct tables *t, size_t o,
                                 size_t p0, size_t p1, float *out, size_t step)
{
    const size_t bits = width_of(how.op, how.form == NIBBLES), first = o * w->stride;
    const unsigned shift = shift_of(w);
    const size_t last = first + (w->k ? (w->k - 1) >> shift : 0);
    const unsigned char *codes = (const unsigned char *)w->codes + o * w->row + p0 * bits / 8;
    VEC v[UNIT / LANES];
    size_t p = p0;
    for (; p + UNIT <= p1; p += UNIT, codes += UNIT * bits / 8, out += UNIT / 16 * step) {
        decode(how, w, t, codes, first + (p >> shift), last, v);
        RC_UNROLL for (size_t c = 0; c < UNIT / LANES; c++)
            v_store(out + c * LANES / 16 * step + c * LANES % 16, v[c]);
    }
    if (p < p1) { /* nothing is read behind the row: of the last few codes a copy is made */
        unsigned char copy[UNIT * 2] = {0};
        memcpy(copy, codes, ((p1 - p) * bits + 7) / 8);
        decode(how, w, t, copy, first + (p >> shift), last, v);
        RC_UNROLL for (size_t c = 0; c < UNIT / LANES; c++) {
            const size_t at = c * LANES, left = p1 - p;
            if (at / 16 * 16 < left) {
                float *to = out + at / 16 * step + at % 16;
                v_store(to, v_zero());
                v_store_some(to, v_mask(left < at ? 0 : rc_min(left - at, LANES)), v[c]);
            }
        }
    }
}

/* The same for any group, and for products that overflow. */
RC_INLINE TARGET void decode_each(const enum operation op, const struct rc_narrow *w, size_t o, size_t p0, size_t p1,
                                  float *out, size_t step)
{
    for (size_t p = p0; p < p1; p += 16, out += step)
        for (size_t c = 0; c < 16; c++)
            out[c] = p + c < p1 ? weight_of(op, w, o, p + c) : 0;
}

/* One row of x: the chains of R rows of w, of all whole units. */
RC_INLINE TARGET void decode_and_multiply(const struct how how, const struct rc_narrow *w, const struct tables *t,
                                          const size_t *rows, const float *x, float *acc)
{
    const size_t bits = width_of(how.op, how.form == NIBBLES), whole = w->k / UNIT * UNIT, ahead = R * w->row;
    const unsigned shift = shift_of(w);
    VEC sum[R][16 / LANES];
    const unsigned char *codes[R];
    size_t first[R], last[R];
    RC_UNROLL for (size_t o = 0; o < R; o++) {
        codes[o] = (const unsigned char *)w->codes + rows[o] * w->row;
        first[o] = rows[o] * w->stride;
        last[o] = first[o] + (w->k ? (w->k - 1) >> shift : 0);
        RC_UNROLL for (size_t c = 0; c < 16 / LANES; c++)
            sum[o][c] = v_zero();
    }
    for (size_t p = 0; p < whole; p += UNIT) {
        VEC input[UNIT / LANES];
        RC_UNROLL for (size_t c = 0; c < UNIT / LANES; c++)
            input[c] = v_load(x + p + c * LANES);
        RC_UNROLL for (size_t o = 0; o < R; o++) {
            VEC v[UNIT / LANES];
            const unsigned char *at = codes[o] + p * bits / 8;
            RC_UNROLL for (size_t b = 0; b < UNIT * bits / 8; b += 64) /* the next R rows, past the end too: a hint */
                __builtin_prefetch((const char *)((uintptr_t)at + b + ahead), 0, 2);
            decode(how, w, t, at, first[o] + (p >> shift), last[o], v);
            RC_UNROLL for (size_t c = 0; c < UNIT / LANES; c++)
                sum[o][c % (16 / LANES)] = v_fma(input[c], v[c], sum[o][c % (16 / LANES)]);
        }
    }
    RC_UNROLL for (size_t o = 0; o < R; o++)
        RC_UNROLL for (size_t c = 0; c < 16 / LANES; c++)
            v_store(acc + o * 16 + c * LANES, sum[o][c]);
}

/* Accumulate `length` inputs into the chains of a tile, those from `lane` on. */
RC_INLINE TARGET void tile(const size_t mr, const size_t lane, const float *x, size_t ldx, const float *packed,
                           size_t length, float *acc)
{
    VEC v[MR][NR], input[MR];
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            v[i][o] = v_load(acc + (i * NR + o) * 16 + lane);
    x += lane;
    packed += lane;
    size_t p = 0;
    for (; p + 16 <= length; p += 16, packed += NR * 16) {
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            input[i] = v_load(x + i * ldx + p);
        RC_UNROLL for (size_t o = 0; o < NR; o++) {
            const VEC weight = v_load(packed + o * 16);
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                v[i][o] = v_fma(input[i], weight, v[i][o]);
        }
    }
    if (p + lane < length) {
        const MASK some = v_mask(rc_min(length - p - lane, LANES));
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            input[i] = v_load_some(x + i * ldx + p, some);
        RC_UNROLL for (size_t o = 0; o < NR; o++) {
            const VEC weight = v_load(packed + o * 16);
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                v[i][o] = v_fma(input[i], weight, v[i][o]);
        }
    }
    RC_UNROLL for (size_t i = 0; i < mr; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            v_store(acc + (i * NR + o) * 16 + lane, v[i][o]);
}

/* Accumulate a block of `length` inputs into the chains of `height` rows of x. */
static TARGET void multiply_block(size_t height, const float *x, size_t ldx, const float *packed, size_t length,
                                  float *acc)
{
    for (size_t i = 0; i < height; i += MR, x += MR * ldx, acc += MR * NR * 16) {
        RC_UNROLL for (size_t lane = 0; lane < 16; lane += LANES) {
            switch (height - i) {
            case 1: tile(1, lane, x, ldx, packed, length, acc); break;
            case 2: tile(2, lane, x, ldx, packed, length, acc); break;
            case 3: tile(3, lane, x, ldx, packed, length, acc); break;
            default: tile(MR, lane, x, ldx, packed, length, acc);
            }
        }
    }
}

/* The scale of the sums of row o. */
RC_INLINE float scale_of(const int scaled, const struct rc_narrow *w, size_t o)
{
    return scaled ? ((const float *)w->scale)[o * w->stride] : 1;
}

RC_INLINE TARGET void many_rows(const int scaled, size_t begin, size_t end, size_t m, size_t ldx,
                                size_t ldy, const float *x, const struct rc_narrow *w, const struct tables *t,
                                packer *pack, float *y)
{
    float acc[TILES * SUMS * 16] __attribute__((aligned(64)));
    float packed[NR * KC] __attribute__((aligned(64))), totals[SUMS], scale[NR];
    const size_t k = w->k, blocks = (m + ROWS - 1) / ROWS, rows = ((m + blocks - 1) / blocks + MR - 1) / MR * MR;
    for (size_t i0 = 0; i0 < m; i0 += rows) {
        const size_t height = rc_min(m - i0, rows), sums = (height + 3) / 4 * 4 * NR * 16;
        for (size_t o0 = begin; o0 < end; o0 += TILES * NR) {
            const size_t width = rc_min(end - o0, TILES * NR), tiles = (width + NR - 1) / NR;
            memset(acc, 0, tiles * sums * sizeof *acc);
            for (size_t p = 0; p < k; p += KC) {
                const size_t length = rc_min(k - p, KC);
                for (size_t s = 0; s < tiles; s++) {
                    for (size_t o = 0; o < NR; o++) /* past the range the last row again, and the results are dropped */
                        pack(w, t, rc_min(o0 + s * NR + o, end - 1), p, p + length, packed + o * 16, NR * 16);
                    multiply_block(height, x + i0 * ldx + p, ldx, packed, length, acc + s * sums);
                }
            }
            for (size_t s = 0; s < tiles; s++) {
                const size_t o1 = o0 + s * NR;
                for (size_t o = 0; o < NR; o++)
                    scale[o] = scale_of(scaled, w, rc_min(o1 + o, end - 1));
                if (scaled)
                    for (size_t e = 0; e < height * NR; e++)
                        RC_UNROLL for (size_t lane = 0; lane < 16; lane += LANES) {
                            float *sum = acc + s * sums + e * 16 + lane;
                            v_store(sum, v_fma(v_set1(scale[e % NR]), v_load(sum), v_zero()));
                        }
                for (size_t e = 0; e < height * NR; e += 4)
                    reduce_four(acc + s * sums + e * 16, totals + e);
                for (size_t i = 0; i < height; i++)
                    for (size_t o = 0; o < rc_min(end - o1, NR); o++)
                        y[(i0 + i) * ldy + o1 + o] = totals[i * NR + o];
            }
        }
    }
}

RC_INLINE TARGET void one_row(const int scaled, size_t begin, size_t end, const float *x, const struct rc_narrow *w,
                              const struct tables *t, packer *pack, chainer *multiply, float *y)
{
    enum { FOURS = (R + 3) / 4 * 4 };
    float acc[FOURS * 16] __attribute__((aligned(64))) = {0}, totals[FOURS], rest[UNIT];
    const size_t k = w->k, whole = k / UNIT * UNIT;
    for (size_t o0 = begin; o0 < end; o0 += R) {
        size_t rows[R];
        for (size_t o = 0; o < R; o++)
            rows[o] = rc_min(o0 + o, end - 1);
        multiply(w, t, rows, x, acc);
        if (whole < k) {
            for (size_t o = 0; o < R; o++) {
                pack(w, t, rows[o], whole, k, rest, 16);
                for (size_t p = whole; p < k; p += LANES) {
                    float *sum = acc + o * 16 + (p - whole) % 16;
                    const VEC input = v_load_some(x + p, v_mask(rc_min(k - p, LANES)));
                    v_store(sum, v_fma(input, v_load(rest + p - whole), v_load(sum)));
                }
            }
        }
        for (size_t o = 0; scaled && o < R; o++) {
            RC_UNROLL for (size_t lane = 0; lane < 16; lane += LANES) {
                float *sum = acc + o * 16 + lane;
                v_store(sum, v_fma(v_set1(scale_of(1, w, rows[o])), v_load(sum), v_zero()));
            }
        }
        for (size_t o = 0; o < FOURS; o += 4)
            reduce_four(acc + o * 16, totals + o);
        for (size_t o = 0; o < rc_min(end - o0, R); o++)
            y[o0 + o] = totals[o];
    }
}

/* The operands of a call. */
struct call {
    size_t begin, end, m, ldx, ldy;
    const float *x;
    const struct rc_narrow *w;
    const struct tables *t;
    float *y;
};

static TARGET void products(const int scaled, const struct call *c, packer *pack, chainer *multiply)
{
    if (c->m == 1 && multiply)
        one_row(scaled, c->begin, c->end, c->x, c->w, c->t, pack, multiply, c->y);
    else if (c->m && c->begin < c->end)
        many_rows(scaled, c->begin, c->end, c->m, c->ldx, c->ldy, c->x, c->w, c->t, pack, c->y);
}

/* The span of a decoder for groups of `group` inputs. */
#define LEAST(group) ((group) < UNIT ? (group) : UNIT)

/* The two functions of a decoder. */
#define DECODER(name, ...) \
    static TARGET void pack_##name(const struct rc_narrow *w, const struct tables *t, size_t o, size_t p0, size_t p1, \
                                   float *out, size_t step) \
    { \
        const struct how how = {__VA_ARGS__}; \
        decode_row(how, w, t, o, p0, p1, out, step); \
    } \
    static TARGET void chains_##name(const struct rc_narrow *w, const struct tables *t, const size_t *rows, \
                                     const float *x, float *acc) \
    { \
        const struct how how = {__VA_ARGS__}; \
        decode_and_multiply(how, w, t, rows, x, acc); \
    }

/* And the one of an operation for what no decoder is made for. */
#define EACH(name, op) \
    static TARGET void pack_each_##name(const struct rc_narrow *w, const struct tables *t, size_t o, size_t p0, \
                                        size_t p1, float *out, size_t step) \
    { \
        (void)t; \
        decode_each(op, w, o, p0, p1, out, step); \
    }
