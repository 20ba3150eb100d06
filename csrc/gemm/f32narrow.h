/* Template of the products of float32 with narrow weights, y = x w^T. Included after these were defined:
 *
 * TARGET, VEC, LANES, MASK, v_..   vectors of floats, as vec_avx2.h has them
 * MR, NR               rows of x and of w in a tile: MR * NR vectors and a few operands must fit the registers
 * AT_ONCE              4 or 8: the most rows of x whose weights are decoded in registers and multiplied at once
 * GROUPS, IN_BLOCK     how many times R rows of w a block of x of few rows serves, and its inputs
 * STORE_SUMS           where a vector holds all chains: store_sums(mr, v, rows, ldy, y) of a tile's vectors
 * R(m, bits)           rows of w at a time where x has m rows and codes have `bits`, at most R(1, 16): m times as many
 *                      times 16 / LANES vectors and operands must fit
 * UNIT                 inputs that are decoded at once: a multiple of 16
 * IN_REGISTERS         values of a codebook that registers hold: 16 or 32
 * zipped(zip, v), unzipped(zip, v)   if zip: 16 inputs in the order in which their codes of 4 bits are decoded fastest,
 *                      for at most four rows of x; and back. ZIPS : 1, or 0 where that is the order in which they lie
 * struct tables        what the decoders look up, made once a call by fill(op, w, tables)
 * struct unit          what they keep of a unit
 * decode(how, w, t, codes, g, last, c, u, v)   the inputs 16 c to 16 c + 15 of a unit, c ascending from 0, to v.
 *                      codes : where the unit's first code lies; g : the group of its first input; last : that of the
 *                      row's last one, and no later one is read (SIZE_MAX in a unit without a tail)
 *
 * The idea is that of Goto: NR rows of w become floats, a block of KC inputs at a time, and serve MC rows of x before
 * the next block, so that decoding is a few per cent of the work; the chains wait on the stack meanwhile and go on
 * where they stopped. For a few rows of x the weights are decoded in registers and multiplied at once.
 *
 * A lane without an input adds 0 * 0 to its chain, which changes no sum: README.md says why.
 */
#include "f32narrow_blocks.h"

/* What a decoder is made for, all of it constant. PLAIN : values as they are, or codes a byte each; LESS : values less
 * their zero points; SCALED : values times a scale; LESS_SCALED : both; NIBBLES : codes two in a byte; LESS_NIBBLES :
 * and less their zero points; THIRTY_TWO : codes of more than 16 values; IN_TABLE : of more than the registers hold.
 * span : the inputs of a unit that share a scale, at most UNIT (which also stands for any multiple of it, and for the
 * whole row). zip : whether 16 codes of 4 bits are decoded in the order of zipped. */
enum form { PLAIN, LESS, SCALED, LESS_SCALED, NIBBLES, LESS_NIBBLES, THIRTY_TWO, IN_TABLE };
struct how {
    enum operation op;
    enum form form;
    size_t span;
    int zip;
};

RC_INLINE int in_nibbles(const struct how how)
{
    return how.form == NIBBLES || how.form == LESS_NIBBLES;
}

/* Whether groups of inputs have a scale each, and a zero point each. */
RC_INLINE int has_scales(const struct how how)
{
    return how.op == S4 || how.op == NF4 || how.op == MX || how.op == NVFP4 || how.form == SCALED ||
           how.form == LESS_SCALED;
}

RC_INLINE int is_affine(const struct how how)
{
    return how.form == LESS_NIBBLES || how.form == LESS_SCALED;
}

typedef void chainer(const struct rc_narrow *w, const struct tables *t, const size_t *rows, const float *const *x,
                     size_t p0, size_t p1, float *acc);

/* The group of input p is p >> shift_of: groups are powers of two, or the whole row. */
RC_INLINE unsigned shift_of(const struct rc_narrow *w)
{
    return w->group >= w->k ? 63 : (unsigned)__builtin_ctzll(w->group);
}

RC_INLINE TARGET void decode(const struct how how, const struct rc_narrow *w, const struct tables *t,
                             const unsigned char *codes, size_t g, size_t last, const size_t c, struct unit *u, VEC *v);

/* Inputs p0 .. p1 of row o, 16 of them to every `step` floats; zeros behind the last one. p0 : a multiple of UNIT. */
RC_INLINE TARGET void decode_row(const struct how how, const struct rc_narrow *w, const struct tables *t, size_t o,
                                 size_t p0, size_t p1, float *out, size_t step)
{
    const size_t bits = width_of(how.op, in_nibbles(how)), first = o * w->stride;
    const unsigned shift = shift_of(w);
    const size_t last = first + (w->k ? (w->k - 1) >> shift : 0);
    const unsigned char *codes = (const unsigned char *)w->codes + o * w->row + p0 * bits / 8;
    struct unit u;
    VEC v[16 / LANES];
    size_t p = p0;
    for (; p + UNIT <= p1; p += UNIT, codes += UNIT * bits / 8) {
        RC_UNROLL for (size_t c = 0; c < UNIT / 16; c++, out += step) {
            decode(how, w, t, codes, first + (p >> shift), SIZE_MAX, c, &u, v);
            RC_UNROLL for (size_t h = 0; h < 16 / LANES; h++)
                v_store(out + h * LANES, v[h]);
        }
    }
    if (p < p1) { /* nothing is read behind the row: of the last few codes a copy is made */
        unsigned char copy[UNIT * 2] = {0};
        memcpy(copy, codes, ((p1 - p) * bits + 7) / 8);
        RC_UNROLL for (size_t c = 0; c < UNIT / 16; c++) {
            if (p + c * 16 < p1) {
                decode(how, w, t, copy, first + (p >> shift), last, c, &u, v);
                RC_UNROLL for (size_t h = 0; h < 16 / LANES; h++) {
                    const size_t left = p1 - p - c * 16;
                    float *to = out + c * step + h * LANES;
                    v_store(to, v_zero());
                    v_store_some(to, v_mask(left < h * LANES ? 0 : rc_min(left - h * LANES, LANES)), v[h]);
                }
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

/* GCC would load an operand anew for each multiplication, which takes all that L1 can give. */
#define IN_REGISTER(v) __asm__("" : "+v"(v))

/* Few rows of x: add the units p0 to p1 to the chains of m rows of x, which begin at p0, and R(m, bits) rows of w. */
RC_INLINE TARGET void decode_and_multiply(const struct how how, const size_t m, const struct rc_narrow *w,
                                          const struct tables *t, const size_t *rows, const float *const *x, size_t p0,
                                          size_t p1, float *acc)
{
    enum { HALVES = 16 / LANES };
    const int zip = how.zip && in_nibbles(how);
    const size_t bits = width_of(how.op, in_nibbles(how)), r = R(m, bits);
    /* What comes next of the codes: r rows on, or of these the next block. */
    const size_t next = p1 + UNIT <= w->k ? (p1 - p0) * bits / 8 : GROUPS * r * w->row - p0 * bits / 8;
    const size_t ahead = LANES == 8 && m > 1 ? next : r * w->row, asked = r <= 4 || bits == 16 ? r : 0;
    const size_t scale_bytes = how.op == MX || how.op == NVFP4 ? 1 : sizeof(float);
    const unsigned shift = shift_of(w);
    VEC sum[AT_ONCE][R(1, 16)][HALVES];
    const unsigned char *codes[R(1, 16)];
    size_t first[R(1, 16)];
    RC_UNROLL for (size_t o = 0; o < r; o++) {
        codes[o] = (const unsigned char *)w->codes + rows[o] * w->row + p0 * bits / 8;
        first[o] = rows[o] * w->stride + (how.span < UNIT ? p0 / how.span : 0);
        RC_UNROLL for (size_t i = 0; i < m; i++)
            RC_UNROLL for (size_t h = 0; h < HALVES; h++)
                sum[i][o][h] = zipped(zip, v_load(acc + (i * r + o) * 16 + h * LANES));
    }
    for (size_t p = 0; p < p1 - p0; p += UNIT) {
        struct unit u[R(1, 16)];
        RC_UNROLL for (size_t o = 0; o < asked; o++)
            RC_UNROLL for (size_t b = 0; b < UNIT * bits / 8; b += 64) /* the next rows, past the end too: a hint */
                __builtin_prefetch((const char *)((uintptr_t)codes[o] + b + ahead), 0, 2);
        if (has_scales(how) && p % (64 / scale_bytes * how.span) == 0) /* and a line of their scales */
            RC_UNROLL for (size_t o = 0; o < r; o++) {
                const size_t g = r * w->stride + (how.span < UNIT ? first[o] : first[o] + ((p0 + p) >> shift));
                __builtin_prefetch((const char *)((uintptr_t)w->scale + g * scale_bytes), 0, 2);
                if (is_affine(how))
                    __builtin_prefetch((const char *)((uintptr_t)w->zero_point + g), 0, 2);
            }
        RC_UNROLL for (size_t c = 0; c < UNIT / 16; c++) {
            VEC v[R(1, 16)][HALVES], input[HALVES];
            if (m == 1)
                RC_UNROLL for (size_t h = 0; h < HALVES; h++)
                    input[h] = v_load(x[0] + p + c * 16 + h * LANES);
            RC_UNROLL for (size_t o = 0; o < r; o++) {
                const size_t g = how.span < UNIT ? first[o] : first[o] + ((p0 + p) >> shift);
                decode(how, w, t, codes[o], g, SIZE_MAX, c, &u[o], v[o]);
                if (m == 1)
                    RC_UNROLL for (size_t h = 0; h < HALVES; h++)
                        sum[0][o][h] = v_fma(input[h], v[o][h], sum[0][o][h]);
            }
            RC_UNROLL for (size_t i = 0; m > 1 && i < m; i++) {
                RC_UNROLL for (size_t h = 0; h < HALVES; h++) {
                    input[h] = v_load(x[i] + p + c * 16 + h * LANES);
                    IN_REGISTER(input[h]);
                    RC_UNROLL for (size_t o = 0; o < r; o++)
                        sum[i][o][h] = v_fma(input[h], v[o][h], sum[i][o][h]);
                }
            }
        }
        RC_UNROLL for (size_t o = 0; o < r; o++) {
            codes[o] += UNIT * bits / 8;
            first[o] += how.span < UNIT ? UNIT / how.span : 0;
        }
    }
    RC_UNROLL for (size_t o = 0; o < r; o++)
        RC_UNROLL for (size_t i = 0; i < m; i++)
            RC_UNROLL for (size_t h = 0; h < HALVES; h++)
                v_store(acc + (i * r + o) * 16 + h * LANES, unzipped(zip, sum[i][o][h]));
}

/* What packs, and what multiplies for 1, 2, 4 and 8 rows of x. sliced : up to how many each AT_ONCE decode anew. */
struct functions {
    packer *pack;
    chainer *multiply[4];
    size_t sliced;
};

/* At most AT_ONCE rows of x, and tall >= m of them for which there is a function: the last row stands for what is not
 * there. GROUPS times R(tall, bits) rows of w at a time, so that a block of x in L2 serves all of them: eight rows of
 * 4,096 inputs take 128 KiB there. L1 then takes 512 bytes of x, 64 of each row, for the 24 multiply-adds by three rows
 * of w: 21 bytes a cycle, where L2 gives 32. AVX2 has registers for one row of w, and takes blocks that fit L1. At the
 * end of each the chains are loaded and stored, which takes as long as 64 inputs do (Zen 4). */
RC_INLINE TARGET void few_rows(const int scaled, const int zip, const size_t tall, const size_t bits,
                               const struct call *c, packer *pack, chainer *multiply)
{
    enum { MOST = AT_ONCE * R(AT_ONCE, 8) > R(1, 16) ? AT_ONCE * R(AT_ONCE, 8) : 2 * R(1, 16) };
    enum { ALL = GROUPS * MOST, ZIPPED = 16384 }; /* sums; inputs */
    float acc[ALL * 16] __attribute__((aligned(64))), totals[ALL], rest[UNIT];
    float order[ZIPPED] __attribute__((aligned(64)));
    (void)bits; /* R may do without */
    const struct rc_narrow *w = c->w;
    const float *x = c->x, *input[AT_ONCE];
    const size_t begin = c->begin, end = c->end, m = c->m, ldx = c->ldx;
    const size_t k = w->k, whole = k / UNIT * UNIT, r = R(tall, bits), sums = tall * r;
    const size_t block = zip ? rc_min(whole, ZIPPED / tall) : tall == 1 ? whole : IN_BLOCK;
    for (size_t o0 = begin; o0 < end; o0 += GROUPS * r) {
        const size_t groups = rc_min((end - o0 + r - 1) / r, GROUPS);
        size_t rows[GROUPS * R(1, 16)];
        for (size_t o = 0; o < groups * r; o++)
            rows[o] = rc_min(o0 + o, end - 1);
        memset(acc, 0, (groups * sums + 3) / 4 * 64 * sizeof *acc);
        for (size_t p = 0; p < whole; p += block) {
            for (size_t i = 0; i < tall; i++)
                input[i] = zip ? order + i * block : x + rc_min(i, m - 1) * ldx + p;
            for (size_t q = 0; zip && (o0 == begin || block < whole) && q < rc_min(block, whole - p); q += LANES)
                for (size_t i = 0; i < tall; i++)
                    v_store(order + i * block + q, zipped(1, v_load(x + rc_min(i, m - 1) * ldx + p + q)));
            for (size_t s = 0; s < groups; s++)
                multiply(w, c->t, rows + s * r, input, p, rc_min(p + block, whole), acc + s * sums * 16);
        }
        for (size_t s = 0; s < groups; s++) {
            for (size_t o = 0; whole < k && o < r; o++) {
                pack(w, c->t, rows[s * r + o], whole, k, rest, 16);
                for (size_t i = 0; i < m; i++) {
                    for (size_t p = whole; p < k; p += LANES) {
                        float *sum = acc + (s * sums + i * r + o) * 16 + (p - whole) % 16;
                        const VEC some = v_load_some(x + i * ldx + p, v_mask(rc_min(k - p, LANES)));
                        v_store(sum, v_fma(some, v_load(rest + p - whole), v_load(sum)));
                    }
                }
            }
            for (size_t e = 0; scaled && e < sums; e++) {
                RC_UNROLL for (size_t lane = 0; lane < 16; lane += LANES) {
                    float *sum = acc + (s * sums + e) * 16 + lane;
                    v_store(sum, v_fma(v_set1(scale_of(1, w, rows[s * r + e % r])), v_load(sum), v_zero()));
                }
            }
        }
        for (size_t e = 0; e < groups * sums; e += 4)
            reduce_four(acc + e * 16, totals + e);
        for (size_t s = 0; s < groups; s++)
            for (size_t i = 0; i < m; i++)
                for (size_t o = 0; o < rc_min(end - o0 - s * r, r); o++)
                    c->y[i * c->ldy + o0 + s * r + o] = totals[s * sums + i * r + o];
    }
}

/* At most AT_ONCE rows of x. */
RC_INLINE TARGET void by_height(const int scaled, const struct call *c, const struct functions *f)
{
    if (c->m == 1 && c->bits == 16)
        few_rows(0, 0, 1, 16, c, f->pack, f->multiply[0]);
#if ZIPS
    else if (c->m == 1 && c->bits == 4)
        few_rows(0, 1, 1, 4, c, f->pack, f->multiply[0]);
#endif
    else if (c->m == 1)
        few_rows(scaled, 0, 1, 8, c, f->pack, f->multiply[0]);
    else if (c->m == 2)
        few_rows(scaled, ZIPS && c->bits == 4, 2, 8, c, f->pack, f->multiply[1]);
    else if (c->m <= 4)
        few_rows(scaled, ZIPS && c->bits == 4, 4, 8, c, f->pack, f->multiply[2]);
#if AT_ONCE == 8
    else
        few_rows(scaled, 0, 8, 8, c, f->pack, f->multiply[3]);
#endif
}

/* A few times AT_ONCE rows of x: the weights are decoded for each AT_ONCE anew, out of L1, for that takes less time
 * than to store and load them as floats. x lies in L2, and codes come from memory once: WEIGHTS rows of w, of 4,096
 * inputs of 16 bits, are 384 KiB. Measured at 4,096 x 4,096 on Zen 4, time over that of many_rows: 16 rows 0.65 to 0.94
 * and 32 rows 0.83 to 1.01; for values in a table, the dearest to decode, 0.97 to 0.99 and 1.10 to 1.13. With AVX2, 8
 * rows 0.83 to 0.94 for numbers of 16 bits, and 0.96 to 1.18 for others. */
enum { WEIGHTS = 48, SLICED = AT_ONCE == 8 ? 32 : 4, SLICED_16 = AT_ONCE == 8 ? 32 : 8 };
enum { SLICED_IN_TABLE = AT_ONCE == 8 ? 16 : 4 };

static TARGET void products(const int scaled, const struct call *c, const struct functions *f)
{
    if (c->begin >= c->end || c->m == 0)
        return;
    if (c->m > f->sliced || (c->m > 1 && c->w->k < UNIT)) { /* rows shorter than a unit are tails alone: faster so */
        many_rows(scaled, c, f->pack);
        return;
    }
    const size_t step = c->m > AT_ONCE ? WEIGHTS : c->end - c->begin;
    for (size_t o = c->begin; o < c->end; o += step) {
        for (size_t i = 0; i < c->m; i += AT_ONCE) {
            struct call part = *c;
            part.begin = o;
            part.end = rc_min(o + step, c->end);
            part.m = rc_min(c->m - i, AT_ONCE);
            part.x += i * c->ldx;
            part.y += i * c->ldy;
            by_height(scaled, &part, f);
        }
    }
}
