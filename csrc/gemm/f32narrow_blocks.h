/* Many rows of x: blocks of w are decoded to floats, and each serves all the rows before the next. Included by
 * f32narrow.h and f32f32_many.h, whose names it takes: TARGET, VEC and so on, MR, NR and STORE_SUMS. */
#include "blocks.h"
#include "chains.h"

/* A block of KC packed inputs of NR rows and MR rows of x stay in L1: 20 KiB (AVX-512) or 14 KiB (AVX2). A block of
 * TILES * NR rows of w, so that the rows of x, which come from L2 or farther, come once for all of them. ROWS of x at a
 * time take 256 KiB of L2 in a block, or 128: processors with AVX-512 have a MiB of it or more, others half or less. */
enum { KC = 512, MOST_ROWS = LANES == 16 ? 128 : 64, ROWS = (MOST_ROWS + MR - 1) / MR * MR };
enum { SUMS = (ROWS + 3) / 4 * 4 * NR, TILES = 3 };

struct tables; /* what a packer looks up */
typedef void packer(const struct rc_narrow *w, const struct tables *t, size_t o, size_t p0, size_t p1, float *out,
                    size_t step);

/* The operands of a call. */
struct call {
    size_t begin, end, m, ldx, ldy, bits, scale_bytes; /* bits : of a code; scale_bytes : of a scale */
    const float *x;
    const struct rc_narrow *w;
    const struct tables *t;
    float *y;
};

/* A block of w: NR rows from `o` on, `rows` of which are there, and `length` inputs from p on. group : where the TILES
 * blocks begin that meet the same inputs of x. */
struct block {
    size_t group, o, p, rows, length;
};

/* The block that comes after another, of no rows past the last one; or the first one. */
RC_INLINE struct block block_at(const struct call *c, size_t group, size_t o, size_t p)
{
    return (struct block){group, o, p, rc_min(c->end - rc_min(o, c->end), NR), rc_min(c->w->k - p, KC)};
}

RC_INLINE struct block block_after(const struct call *c, const struct block *b)
{
    if (b->o + NR < rc_min(b->group + TILES * NR, c->end))
        return block_at(c, b->group, b->o + NR, b->p);
    if (b->p + KC < c->w->k)
        return block_at(c, b->group, b->group, b->p + KC);
    return block_at(c, b->group + TILES * NR, b->group + TILES * NR, 0);
}

/* Decode a block. */
RC_INLINE TARGET void decode_block(const struct call *c, const struct block *b, packer *pack, float *packed)
{
    if (b->rows < NR) /* past the range stand zeros, and the results are dropped */
        memset(packed, 0, (b->length + 15) / 16 * 16 * NR * sizeof *packed);
    for (size_t o = 0; o < b->rows; o++)
        pack(c->w, c->t, b->o + o, b->p, b->p + b->length, packed + o * 16, NR * 16);
}

/* Ask for the lines of `count` entries of a table, from `first` on, for L1 or for L2. */
RC_INLINE void prefetch_entries(const int near, const void *table, size_t first, size_t count, size_t bytes)
{
    const char *lines = (const char *)table + first * bytes;
    for (size_t byte = 0; byte < count * bytes; byte += 64)
        if (near)
            __builtin_prefetch(lines + byte, 0, 3);
        else
            __builtin_prefetch(lines + byte, 0, 2);
}

/* Ask for each `step`th line of the codes of a block, for L1 or for L2, and with the first one for the scales: they lie
 * far away, and decoding would wait for them. */
RC_INLINE void prefetch_lines(const int near, const struct call *c, const struct block *b, size_t first, size_t step)
{
    const struct rc_narrow *w = c->w;
    const size_t bytes = b->length * c->bits / 8;
    for (size_t byte = first * 64; byte < bytes; byte += step * 64)
        for (size_t o = 0; o < b->rows; o++)
            prefetch_entries(near, w->codes, (b->o + o) * w->row + b->p * c->bits / 8 + byte, 1, 1);
    if (first > 0 || w->stride < 2 || !w->scale)
        return;
    const size_t g = b->p / w->group, groups = (b->length + w->group - 1) / w->group;
    for (size_t o = 0; o < b->rows; o++) {
        prefetch_entries(near, w->scale, (b->o + o) * w->stride + g, groups, c->scale_bytes);
        if (w->zero_point && !w->zeros)
            prefetch_entries(near, w->zero_point, (b->o + o) * w->stride + g, groups, 1);
    }
}

/* The scale of the sums of row o. */
RC_INLINE float scale_of(const int scaled, const struct rc_narrow *w, size_t o)
{
    return scaled ? ((const float *)w->scale)[o * w->stride] : 1;
}

/* Accumulate a block into the chains of a tile, those from `lane` on; the first one begins them, and the last one
 * stores their sums. i : the first row of x. */
RC_INLINE TARGET void tile(const int scaled, const size_t mr, const size_t lane, const struct call *c, size_t i,
                           const struct block *b, const float *packed, float *acc)
{
    VEC v[MR][NR], input[MR];
    const size_t ldx = c->ldx, length = b->length;
    const float *x = c->x + i * ldx + b->p + lane;
    RC_UNROLL for (size_t j = 0; j < MR; j++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            v[j][o] = v_zero();
    if (b->p > 0)
        RC_UNROLL for (size_t j = 0; j < mr; j++)
            RC_UNROLL for (size_t o = 0; o < NR; o++)
                v[j][o] = v_load(acc + (j * NR + o) * 16 + lane);
    packed += lane;
    size_t p = 0;
    for (; p + 16 <= length; p += 16, packed += NR * 16) {
        RC_UNROLL for (size_t j = 0; j < mr; j++)
            input[j] = v_load(x + j * ldx + p);
        RC_UNROLL for (size_t j = 0; LANES == 16 && j < mr; j++) /* the next tile, past the end too: a hint */
            __builtin_prefetch((const char *)((uintptr_t)x + ((MR + j) * ldx + p) * sizeof *x), 0, 2);
        RC_UNROLL for (size_t o = 0; o < NR; o++) {
            const VEC weight = v_load(packed + o * 16);
            RC_UNROLL for (size_t j = 0; j < mr; j++)
                v[j][o] = v_fma(input[j], weight, v[j][o]);
        }
    }
    if (p + lane < length) {
        const MASK some = v_mask(rc_min(length - p - lane, LANES));
        RC_UNROLL for (size_t j = 0; j < mr; j++)
            input[j] = v_load_some(x + j * ldx + p, some);
        RC_UNROLL for (size_t o = 0; o < NR; o++) {
            const VEC weight = v_load(packed + o * 16);
            RC_UNROLL for (size_t j = 0; j < mr; j++)
                v[j][o] = v_fma(input[j], weight, v[j][o]);
        }
    }
#ifdef STORE_SUMS
    if (b->p + length == c->w->k) {
        if (scaled)
            RC_UNROLL for (size_t o = 0; o < NR; o++) {
                const VEC scale = v_set1(scale_of(1, c->w, b->o + (o < b->rows ? o : 0)));
                RC_UNROLL for (size_t j = 0; j < mr; j++)
                    v[j][o] = v_fma(scale, v[j][o], v_zero());
            }
        STORE_SUMS(mr, v, b->rows, c->ldy, c->y + i * c->ldy + b->o);
        return;
    }
#else
    (void)scaled;
#endif
    RC_UNROLL for (size_t j = 0; j < mr; j++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            v_store(acc + (j * NR + o) * 16 + lane, v[j][o]);
}

/* Accumulate a block into the chains of the rows i0 .. i0 + height of x, and ask for the codes of a later block. */
RC_INLINE TARGET void multiply_block(const int scaled, const struct call *c, size_t i0, size_t height,
                                     const struct block *b, const float *packed, const struct block *later, float *acc)
{
    const size_t tiles = (height + MR - 1) / MR;
    if (LANES == 8)
        prefetch_lines(0, c, later, 0, 1);
    for (size_t t = 0; t < tiles; t++) {
        if (LANES == 16) /* a few with each tile */
            prefetch_lines(1, c, later, t, tiles);
        const size_t i = i0 + t * MR;
        float *chains = acc + t * MR * NR * 16;
        RC_UNROLL for (size_t lane = 0; lane < 16; lane += LANES) {
            switch (height - t * MR) {
            case 1: tile(scaled, 1, lane, c, i, b, packed, chains); break;
            case 2: tile(scaled, 2, lane, c, i, b, packed, chains); break;
            case 3: tile(scaled, 3, lane, c, i, b, packed, chains); break;
            default: tile(scaled, MR, lane, c, i, b, packed, chains);
            }
        }
    }
}

#ifndef STORE_SUMS
/* The sums of a block whose chains have gone through all inputs. */
RC_INLINE TARGET void store_block(const int scaled, const struct call *c, size_t i0, size_t height,
                                  const struct block *b, float *acc)
{
    float totals[SUMS], scale[NR];
    for (size_t o = 0; o < NR; o++)
        scale[o] = scale_of(scaled, c->w, b->o + (o < b->rows ? o : 0));
    for (size_t e = 0; scaled && e < height * NR; e++)
        RC_UNROLL for (size_t lane = 0; lane < 16; lane += LANES) {
            float *sum = acc + e * 16 + lane;
            v_store(sum, v_fma(v_set1(scale[e % NR]), v_load(sum), v_zero()));
        }
    for (size_t e = 0; e < height * NR; e += 4)
        reduce_four(acc + e * 16, totals + e);
    for (size_t i = 0; i < height; i++)
        for (size_t o = 0; o < b->rows; o++)
            c->y[(i0 + i) * c->ldy + b->o + o] = totals[i * NR + o];
}
#endif

RC_INLINE TARGET void many_rows(const int scaled, const struct call *c, packer *pack)
{
    float acc[TILES * SUMS * 16] __attribute__((aligned(64))), packed[2][NR * KC] __attribute__((aligned(64)));
    const size_t m = c->m, k = c->w->k;
    for (size_t i = 0; k == 0 && i < m; i++)
        memset(c->y + i * c->ldy + c->begin, 0, (c->end - c->begin) * sizeof *c->y);
    const size_t blocks = (m + ROWS - 1) / ROWS, rows = ((m + blocks - 1) / blocks + MR - 1) / MR * MR;
    for (size_t i0 = 0; k > 0 && i0 < m; i0 += rows) {
        const size_t height = rc_min(m - i0, rows);
        /* Few rows of x stay in L1 themselves, beside one block but not beside two. */
        const size_t other = LANES == 16 && height > 4 * MR ? 1 : 0;
        struct block b = block_at(c, c->begin, c->begin, 0), next;
        decode_block(c, &b, pack, packed[0]);
        for (size_t turn = 0; b.rows > 0; turn ^= other, b = next) {
            float *chains = acc + (b.o - b.group) / NR * SUMS * 16;
            next = block_after(c, &b);
            const struct block later = block_after(c, &next);
            if (other) /* early, so that it is stored when it is needed */
                decode_block(c, &next, pack, packed[turn ^ 1]);
            multiply_block(scaled, c, i0, height, &b, packed[turn], &later, chains);
            if (!other)
                decode_block(c, &next, pack, packed[0]);
#ifndef STORE_SUMS
            if (b.p + b.length == k)
                store_block(scaled, c, i0, height, &b, chains);
#endif
        }
    }
}
