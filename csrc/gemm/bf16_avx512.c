/* What changed since AVX2: one instruction is both steps of 16 chains, and flushes by itself. So a chain need not leave
 * its register for its sum, and starts there. For many rows of x, a block of w is packed: its lines lie one after the
 * other, aligned, and in no set of L1 too many. Processors of this level that lack the instruction (Ice Lake, Tiger
 * Lake, Rocket Lake) take the AVX2 kernel. */
#include "../kernels.h"
#if RC_X86
#include "sums_avx512.h"

#define TARGET \
    __attribute__((target("avx512bf16,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx512vbmi2," \
                          "avx512vpopcntdq,avx2,fma,f16c"), aligned(64)))

/* LINE: inputs of 64 bytes, two for each of the 16 chains. KC: inputs of a block, 2.7 KiB of a row, so that its MR + NR
 * rows stay in L1 beside what is asked for. MC: rows of x that meet a block of w; KC inputs of each are 256 KiB, which
 * stay in the MiB of L2 that processors with this instruction have. PACKED: with so many rows of x, to pack a block of
 * w takes at most a tenth of the time of its multiplication. */
enum { LINE = 32, KC = 1376, MC = 128, PACKED = 24 };

/* A block of NR rows of w: packed, or the rows themselves; and where what comes next is asked for. */
struct block {
    const uint16_t *packed, *row[NR];
    size_t length, k;
    int first, last;
};

RC_INLINE TARGET __m512bh line(const uint16_t *x, size_t count)
{
    return (__m512bh)(count >= LINE ? _mm512_loadu_si512(x) : _mm512_maskz_loadu_epi16((1u << count) - 1, x));
}

/* Go on with the chains of a tile for a block; at its end keep them, or store their sums. `count` lines of what comes
 * next are asked for on the way. */
RC_INLINE TARGET void tile(const size_t mr, const int packed, const struct block *b, const uint16_t *x, size_t ldx,
                           const uint16_t *ahead, size_t count, size_t width, size_t n, float *acc, float *y)
{
    __m512 v[MR][NR];
    __m512bh input[MR];
    RC_UNROLL for (size_t i = 0; i < MR; i++)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            v[i][o] = _mm512_setzero_ps();
    if (!b->first)
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            RC_UNROLL for (size_t o = 0; o < NR; o++)
                v[i][o] = _mm512_load_ps(acc + (i * NR + o) * 16);
    const size_t length = b->length, k = b->k;
    const uint16_t *lines = b->packed;
    size_t p = 0;
    for (; p + LINE <= length; p += LINE) {
        for (size_t q = 0; q < count; q++)
            _mm_prefetch((const char *)(ahead + q * k + p), _MM_HINT_T0);
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            input[i] = line(x + i * ldx + p, LINE);
        RC_UNROLL for (size_t o = 0; o < NR; o++) {
            const __m512bh weight = line(packed ? lines + o * LINE : b->row[o] + p, LINE);
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                v[i][o] = _mm512_dpbf16_ps(v[i][o], input[i], weight);
        }
        lines += NR * LINE;
    }
    if (p < length) { /* filled up with zeros */
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            input[i] = line(x + i * ldx + p, length - p);
        RC_UNROLL for (size_t o = 0; o < NR; o++) {
            const __m512bh weight = line(packed ? lines + o * LINE : b->row[o] + p, packed ? LINE : length - p);
            RC_UNROLL for (size_t i = 0; i < mr; i++)
                v[i][o] = _mm512_dpbf16_ps(v[i][o], input[i], weight);
        }
    }
    if (b->last)
        store_sums(mr, v, width, n, y);
    else
        RC_UNROLL for (size_t i = 0; i < mr; i++)
            RC_UNROLL for (size_t o = 0; o < NR; o++)
                _mm512_store_ps(acc + (i * NR + o) * 16, v[i][o]);
}

/* The lines of a block, NR after each other; a last line is filled up with zeros. */
RC_INLINE TARGET void pack(const struct block *b, uint16_t *lines)
{
    for (size_t p = 0; p < b->length; p += LINE, lines += NR * LINE)
        RC_UNROLL for (size_t o = 0; o < NR; o++)
            _mm512_store_si512(lines + o * LINE, (__m512i)line(b->row[o] + p, b->length - p));
}

/* Multiply `height` rows of x by `width` rows of w, of which `left` are left. */
RC_INLINE TARGET void multiply(const int packed, size_t height, size_t width, size_t left, size_t n, size_t k,
                               size_t ldx, const uint16_t *x, const uint16_t *w, uint16_t *lines, float *acc, float *y)
{
    const size_t tiles = (height + MR - 1) / MR, share = (NR + tiles - 1) / tiles;
    /* Blocks of equal length: the chains go to memory and back between two. */
    const size_t blocks = (k + KC - 1) / KC, most = ((k + blocks - 1) / blocks + LINE - 1) / LINE * LINE;
    for (size_t p = 0; p < k; p += most) {
        struct block b = {lines, {0}, rc_min(k - p, most), k, p == 0, p + most >= k};
        for (size_t o = 0; o < NR; o++) /* a tile past the range repeats its first row, and drops the results */
            b.row[o] = w + (o < width ? o : 0) * k + p;
        if (packed)
            pack(&b, lines);
        /* The next block of these rows, or the first one of the next rows: each tile asks for its share. */
        const uint16_t *next = b.last ? w + NR * k : w + p + most;
        const size_t there = b.last ? rc_min(NR, left - width) : width;
        for (size_t t = 0; t < tiles; t++) {
            const size_t from = rc_min(t * share, there), count = rc_min(share, there - from);
            const uint16_t *rows = x + t * MR * ldx + p, *ahead = next + from * k;
            float *chains = acc + t * MR * NR * 16, *to = y + t * MR * n;
            switch (height - t * MR) {
            case 1: tile(1, packed, &b, rows, ldx, ahead, count, width, n, chains, to); break;
            case 2: tile(2, packed, &b, rows, ldx, ahead, count, width, n, chains, to); break;
            case 3: tile(3, packed, &b, rows, ldx, ahead, count, width, n, chains, to); break;
            default: tile(MR, packed, &b, rows, ldx, ahead, count, width, n, chains, to);
            }
        }
    }
}

/* One row of x: memory is the limit, which gives most to eight rows of w at a time, where L2 is asked for the next
 * eight (a fifth less time than without; and a fifth less than one row at a time, where w fits in L3). */
RC_INLINE TARGET void one_row(size_t begin, size_t end, size_t k, const uint16_t *x, const uint16_t *w, float *y)
{
    enum { ROWS = 8 };
    const size_t ahead = ROWS * k * sizeof *w;
    for (size_t o0 = begin; o0 < end; o0 += ROWS) {
        const uint16_t *row[ROWS];
        __m512 v[ROWS];
        RC_UNROLL for (size_t o = 0; o < ROWS; o++) { /* past the range the last row again: its sum is dropped */
            row[o] = w + rc_min(o0 + o, end - 1) * k;
            v[o] = _mm512_setzero_ps();
        }
        size_t p = 0;
        for (; p + LINE <= k; p += LINE) {
            const __m512bh input = line(x + p, LINE);
            RC_UNROLL for (size_t o = 0; o < ROWS; o++) {
                _mm_prefetch((const char *)((uintptr_t)(row[o] + p) + ahead), _MM_HINT_T1); /* past the end too */
                v[o] = _mm512_dpbf16_ps(v[o], input, line(row[o] + p, LINE));
            }
        }
        if (p < k) {
            const __m512bh input = line(x + p, k - p);
            RC_UNROLL for (size_t o = 0; o < ROWS; o++)
                v[o] = _mm512_dpbf16_ps(v[o], input, line(row[o] + p, k - p));
        }
        const __m512 pairs = two_of(four_of(v[0], v[1], v[2], v[3]), four_of(v[4], v[5], v[6], v[7]));
        float sums[16] __attribute__((aligned(64)));
        _mm512_store_ps(sums, one_of(pairs, pairs)); /* of rows i and i + 4 at 4 i and 4 i + 1 */
        for (size_t o = 0; o < rc_min(end - o0, ROWS); o++)
            y[o0 + o] = sums[o % 4 * 4 + o / 4];
    }
}

static TARGET int with_dot_product(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t ldx,
                                   const uint16_t *x, const uint16_t *w, float *y)
{
    if (m == 1) {
        one_row(begin, end, k, x, w, y);
        return RC_OK;
    }
    float acc[MC * NR * 16] __attribute__((aligned(64)));
    uint16_t lines[KC * NR] __attribute__((aligned(64)));
    /* Passes of equal height: a short one would read all of w for a few rows. */
    const size_t passes = (m + MC - 1) / MC, most = m ? ((m + passes - 1) / passes + MR - 1) / MR * MR : MC;
    for (size_t i0 = 0; i0 < m; i0 += most) {
        const size_t height = rc_min(m - i0, most);
        for (size_t o0 = begin; o0 < end; o0 += NR) {
            const size_t width = rc_min(end - o0, NR);
            float *to = y + i0 * n + o0;
            if (k == 0)
                for (size_t i = 0; i < height; i++)
                    memset(to + i * n, 0, width * sizeof *y);
            else if (height < PACKED)
                multiply(0, height, width, end - o0, n, k, ldx, x + i0 * ldx, w + o0 * k, lines, acc, to);
            else
                multiply(1, height, width, end - o0, n, k, ldx, x + i0 * ldx, w + o0 * k, lines, acc, to);
        }
    }
    return RC_OK;
}

int rc_gemm_bf16bf16_avx512(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t ldx,
                            const uint16_t *x, const uint16_t *w, float *y)
{
    return (__builtin_cpu_supports("avx512bf16") ? with_dot_product : rc_gemm_bf16bf16_avx2)(begin, end, m, n, k, ldx,
                                                                                            x, w, y);
}
#endif
