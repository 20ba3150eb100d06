/* Sparse times one column, of small integers or few codes by bitmask: included in avx512.c alone. */
#include "unpack_avx512.h"

/* Sixteen vectors of sixteen numbers of 32 bits, their rows made columns. */
RC_INLINE RC_AVX512 void transpose(__m512i *r)
{
    __m512i t[16];
    RC_UNROLL for (int i = 0; i < 16; i += 2) {
        t[i] = _mm512_unpacklo_epi32(r[i], r[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(r[i], r[i + 1]);
    }
    RC_UNROLL for (int i = 0; i < 16; i += 4) {
        r[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        r[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        r[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        r[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    RC_UNROLL for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(r[i], r[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(r[i + 8], r[i + 12], 0xdd);
    }
    RC_UNROLL for (int i = 0; i < 4; i++) {
        r[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        r[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        r[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        r[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

/* One column of small integers or few codes: the lanes of a vector are rows of the matrix, 64 of them in four vectors.
 * A strip of 64 columns is unpacked, zeros where nothing is stored, and turned: then sixteen rows stand side by side,
 * four columns in a number. A zero times a finite x adds 0, which changes no sum but the sign of a zero, and that the
 * fma of the scale takes away. */
enum { LANES_OF_ROWS = 64, COLUMNS = 64 };

struct rows_64 {
    size_t count, at[LANES_OF_ROWS];
    __m512i tile[16][4];
};

/* Whether 64 bytes can be read for each of sixteen rows. */
RC_INLINE RC_AVX512 int all_inside(const struct rc_sparse *a, const size_t *at)
{
    const __m512i last = _mm512_set1_epi64((int64_t)(a->nnz < 64 ? 0 : a->nnz - 64));
    return a->nnz >= 64 && (_mm512_cmpgt_epu64_mask(_mm512_loadu_si512(at), last) |
                            _mm512_cmpgt_epu64_mask(_mm512_loadu_si512(at + 8), last)) == 0;
}

/* The strip p .. last of sixteen rows, which begin at row i, or of so many. */
RC_INLINE RC_AVX512 int unpack_some(const struct rc_sparse *a, size_t i, size_t rows, size_t p, size_t last, size_t *at,
                                    __m512i *r)
{
    RC_UNROLL for (size_t s = 0; s < 16; s++) {
        r[s] = _mm512_setzero_si512();
        if (s < rows) {
            const uint64_t word = columns_of(a, i + s, p, last);
            if (next_bytes(a, (size_t)__builtin_popcountll(word), at + s, r + s))
                return RC_BAD_INDEX;
            r[s] = expanded(word, r[s]);
        }
    }
    return RC_OK;
}

/* The same of sixteen rows, of 64 columns each, where all_inside has been asked. */
RC_INLINE RC_AVX512 void unpack_all(const struct rc_sparse *a, size_t i, size_t p, size_t *at, __m512i *r)
{
    const uint8_t *mask = a->mask + i * a->width + p / 8, *data = a->data;
    RC_UNROLL for (size_t s = 0; s < 16; s++) {
        const uint64_t word = mask_word(mask + s * a->width, 8);
        r[s] = expanded(word, _mm512_loadu_si512(data + at[s]));
        at[s] += (size_t)__builtin_popcountll(word);
    }
}

RC_INLINE RC_AVX512 int unpack_bytes(const struct rc_sparse *a, size_t i, size_t p, size_t last, struct rows_64 *rows)
{
    for (size_t b = 0; b * 16 < rows->count; b++) {
        __m512i r[16];
        size_t *const at = rows->at + b * 16;
        if (rows->count - b * 16 >= 16 && last - p >= 64 && all_inside(a, at))
            unpack_all(a, i + b * 16, p, at, r);
        else if (unpack_some(a, i + b * 16, rc_min(rows->count - b * 16, 16), p, last, at, r))
            return RC_BAD_INDEX;
        transpose(r);
        RC_UNROLL for (size_t q = 0; q < 16; q++)
            rows->tile[q][b] = r[q];
    }
    return RC_OK;
}

/* For each number of a vector, where in its sixteen bytes its own begin, at the top byte. */
RC_INLINE RC_AVX512 __m512i quad_bytes(void)
{
    return _mm512_set4_epi32(12 << 24, 8 << 24, 4 << 24, 0);
}

/* Sixteen weights of one column: byte t of each number. An integer comes times 2^24, and its x times 2^-24. */
RC_INLINE RC_AVX512 __m512 weights_of(const int kind, const int t, __m512i four, __m512 low, __m512 high)
{
    if (kind == INTEGERS) { /* byte t of each number to its top, zeros below */
        const int top = (int)(0x00808080u + 0x01000000u * (unsigned)t);
        return _mm512_cvtepi32_ps(
            t == 0   ? _mm512_slli_epi32(four, 24)
            : t == 3 ? _mm512_and_si512(four, _mm512_set1_epi32((int)0xff000000u))
                     : _mm512_shuffle_epi8(four, _mm512_add_epi32(_mm512_set1_epi32(top), quad_bytes())));
    }
    const __m512i codes = t ? _mm512_srli_epi32(four, (unsigned)(8 * t)) : four; /* higher bits are not looked at */
    return kind == CODES_16 ? _mm512_permutexvar_ps(codes, low) : _mm512_permutex2var_ps(low, codes, high);
}

RC_INLINE RC_AVX512 void multiply_tile(const int kind, const struct rows_64 *rows, const float *x, __m512 low,
                                       __m512 high, __m512 *inner)
{
    for (size_t q = 0; q < 16; q++)
        RC_UNROLL for (int t = 0; t < 4; t++) {
            const __m512 input = _mm512_set1_ps(x[4 * q + (size_t)t]);
            RC_UNROLL for (size_t b = 0; b < 4; b++)
                inner[b] = _mm512_fmadd_ps(weights_of(kind, t, rows->tile[q][b], low, high), input, inner[b]);
        }
}

/* The strip of x at p, zeros behind `last`. */
RC_INLINE RC_AVX512 void inputs_of_strip(const int kind, const float *x, size_t p, size_t last, float *inputs)
{
    const __m512 factor = _mm512_set1_ps(0x1p-24f);
    RC_UNROLL for (size_t t = 0; t < 4; t++) {
        const size_t left = last > p + t * 16 ? last - p - t * 16 : 0;
        __m512 v = _mm512_setzero_ps();
        if (left)
            v = _mm512_maskz_loadu_ps((__mmask16)first_64(rc_min(left, 16)), x + p + t * 16);
        _mm512_storeu_ps(inputs + t * 16, kind == INTEGERS ? _mm512_mul_ps(v, factor) : v);
    }
}

/* Ask for the part of the entries of the rows i .. i + 64 that comes after `share` of 64 parts. */
RC_INLINE void prefetch_rows(const struct rc_sparse *a, size_t i, size_t end, size_t share)
{
    const size_t stop = rc_min(end, i + LANES_OF_ROWS);
    if (i >= stop)
        return;
    const size_t from = row_begin(a, i), to = row_begin(a, stop);
    if (from > to || to > a->nnz)
        return;
    const size_t part = (to - from) / 64 + 1;
    for (size_t p = from + share * part; p < from + (share + 1) * part && p < to; p += 64)
        __builtin_prefetch((const uint8_t *)a->data + p, 0, 2);
}

RC_INLINE RC_AVX512 int one_column(const int kind, size_t begin, size_t end, int add, const struct rc_sparse *a,
                                   const float *x, float *y)
{
    struct rows_64 rows;
    float inputs[COLUMNS], scales[LANES_OF_ROWS] = {0};
    const __m512 low = kind != INTEGERS ? _mm512_loadu_ps(a->codebook) : _mm512_setzero_ps();
    const __m512 high = kind == CODES_32 ? _mm512_loadu_ps(a->codebook + 16) : _mm512_setzero_ps();
    memset(rows.tile, 0, sizeof rows.tile);
    for (size_t i = begin; i < end; i += LANES_OF_ROWS) {
        rows.count = rc_min(end - i, LANES_OF_ROWS);
        __m512 total[4];
        RC_UNROLL for (size_t b = 0; b < 4; b++) {
            total[b] = _mm512_setzero_ps();
            if (add && b * 16 < rows.count)
                total[b] = _mm512_add_ps(total[b], _mm512_maskz_loadu_ps((__mmask16)first_64(rows.count - b * 16),
                                                                         y + i + b * 16));
        }
        for (size_t r = 0; r < rows.count; r++)
            rows.at[r] = row_begin(a, i + r);
        for (size_t g = 0; g * a->group < a->k; g++) {
            const size_t stop = rc_min(a->k, (g + 1) * a->group);
            __m512 inner[4];
            RC_UNROLL for (size_t b = 0; b < 4; b++)
                inner[b] = _mm512_setzero_ps();
            for (size_t p = g * a->group; p < stop; p += COLUMNS) {
                prefetch_rows(a, i + LANES_OF_ROWS, end, p * 64 / a->k);
                if (unpack_bytes(a, i, p, stop, &rows))
                    return RC_BAD_INDEX;
                inputs_of_strip(kind, x, p, stop, inputs);
                multiply_tile(kind, &rows, inputs, low, high, inner);
            }
            for (size_t r = 0; r < rows.count; r++)
                scales[r] = scale_of(a, i + r, g);
            RC_UNROLL for (size_t b = 0; b < 4; b++)
                total[b] = _mm512_fmadd_ps(_mm512_loadu_ps(scales + b * 16), inner[b], total[b]);
        }
        RC_UNROLL for (size_t b = 0; b < 4; b++)
            if (b * 16 < rows.count)
                _mm512_mask_storeu_ps(y + i + b * 16, (__mmask16)first_64(rows.count - b * 16), total[b]);
    }
    return RC_OK;
}

/* Whether each x is 0, or finite and so large that 2^-24 times it is exact. */
RC_INLINE RC_AVX512 int are_ordinary(const float *x, size_t k)
{
    for (size_t p = 0; p < k; p += 16) {
        const __mmask16 some = (__mmask16)first_64(rc_min(k - p, 16));
        const __m512 size = _mm512_abs_ps(_mm512_maskz_loadu_ps(some, x + p));
        const __mmask16 bad = _mm512_cmp_ps_mask(size, _mm512_set1_ps(0x1p-100f), _CMP_LT_OQ) &
                              _mm512_cmp_ps_mask(size, _mm512_setzero_ps(), _CMP_NEQ_UQ);
        if (bad | _mm512_cmp_ps_mask(size, _mm512_set1_ps(INFINITY), _CMP_NLT_UQ))
            return 0;
    }
    return 1;
}
