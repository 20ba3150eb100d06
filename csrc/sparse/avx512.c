/* What changed since AVX2: an instruction puts 64 packed bytes where a mask says (vpexpandb), and another packs the
 * numbers of a mask's bits. So a strip of a row is unpacked in a few cycles, whatever its density. */
#include "../kernels.h"
#if RC_X86
#include "../vec_avx512.h"
#include "strips.h"

RC_INLINE RC_AVX512 __mmask64 first_64(size_t count)
{
    return count >= 64 ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1;
}

/* The next `count` bytes of the entries, at most 64; nothing behind the last entry is read. */
RC_INLINE RC_AVX512 int next_bytes(const struct rc_sparse *a, size_t count, size_t *at, __m512i *bytes)
{
    const uint8_t *data = (const uint8_t *)a->data + *at;
    if (*at + 64 <= a->nnz) {
        *bytes = _mm512_loadu_si512(data);
    } else {
        if (*at > a->nnz || count > a->nnz - *at)
            return RC_BAD_INDEX;
        *bytes = _mm512_maskz_loadu_epi8(first_64(a->nnz - *at), data);
    }
    *at += count;
    return RC_OK;
}

/* Sixteen bytes of the entries as floats. */
RC_INLINE RC_AVX512 __m512 as_floats(const struct rc_sparse *a, const int codes, __m128i bytes)
{
    if (codes)
        return _mm512_i32gather_ps(_mm512_cvtepu8_epi32(bytes), a->codebook, 4);
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(bytes));
}

/* strip_entries by vectors. */
RC_INLINE RC_AVX512 int entries_of_bytes(const struct rc_sparse *a, const int codes, size_t row, size_t first,
                                         size_t last, struct place *at, uint16_t *index, float *value, size_t *count)
{
    const __m512i numbers = _mm512_set_epi8(
        63, 62, 61, 60, 59, 58, 57, 56, 55, 54, 53, 52, 51, 50, 49, 48, 47, 46, 45, 44, 43, 42, 41, 40, 39, 38, 37, 36,
        35, 34, 33, 32, 31, 30, 29, 28, 27, 26, 25, 24, 23, 22, 21, 20, 19, 18, 17, 16, 15, 14, 13, 12, 11, 10, 9, 8, 7,
        6, 5, 4, 3, 2, 1, 0);
    size_t found = 0;
    for (size_t p = first; p < last; p += 64) {
        const uint64_t word = columns_of(a, row, p, last);
        const size_t some = (size_t)__builtin_popcountll(word);
        __m512i bytes;
        if (next_bytes(a, some, &at->entry, &bytes))
            return RC_BAD_INDEX;
        const __m512i columns = _mm512_maskz_compress_epi8(word, numbers);
        const __m512i from = _mm512_set1_epi16((int16_t)(p - first));
        _mm512_storeu_si512(index + found, _mm512_add_epi16(from, _mm512_cvtepu8_epi16(_mm512_castsi512_si256(columns))));
        _mm512_storeu_ps(value + found, as_floats(a, codes, _mm512_castsi512_si128(bytes)));
        if (some > 16)
            _mm512_storeu_ps(value + found + 16, as_floats(a, codes, _mm512_extracti32x4_epi32(bytes, 1)));
        if (some > 32) {
            _mm512_storeu_si512(index + found + 32, _mm512_add_epi16(from, _mm512_cvtepu8_epi16(
                _mm512_extracti64x4_epi64(columns, 1))));
            _mm512_storeu_ps(value + found + 32, as_floats(a, codes, _mm512_extracti32x4_epi32(bytes, 2)));
            _mm512_storeu_ps(value + found + 48, as_floats(a, codes, _mm512_extracti32x4_epi32(bytes, 3)));
        }
        found += some;
    }
    *count = found;
    return RC_OK;
}

static RC_AVX512 int strip_of_s8(const struct rc_sparse *a, size_t row, size_t first, size_t last, struct place *at,
                                 uint16_t *index, float *value, size_t *count)
{
    return entries_of_bytes(a, 0, row, first, last, at, index, value, count);
}

static RC_AVX512 int strip_of_codes(const struct rc_sparse *a, size_t row, size_t first, size_t last, struct place *at,
                                    uint16_t *index, float *value, size_t *count)
{
    return entries_of_bytes(a, 1, row, first, last, at, index, value, count);
}

/* The next `count` floats of the entries, at most 16; nothing behind the last entry is read. */
RC_INLINE RC_AVX512 int next_floats(const struct rc_sparse *a, size_t count, size_t *at, __m512 *floats)
{
    const float *data = (const float *)a->data + *at;
    if (*at + 16 <= a->nnz) {
        *floats = _mm512_loadu_ps(data);
    } else {
        if (*at > a->nnz || count > a->nnz - *at)
            return RC_BAD_INDEX;
        *floats = _mm512_maskz_loadu_ps((__mmask16)first_64(a->nnz - *at), data);
    }
    *at += count;
    return RC_OK;
}

static RC_AVX512 int strip_of_floats(const struct rc_sparse *a, size_t row, size_t first, size_t last, struct place *at,
                                     uint16_t *index, float *value, size_t *count)
{
    const __m512i numbers = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    size_t found = 0;
    for (size_t p = first; p < last; p += 64) {
        uint64_t word = columns_of(a, row, p, last);
        for (size_t q = p; word; q += 16, word >>= 16) {
            const size_t some = (size_t)__builtin_popcountll(word & 0xffff);
            __m512 floats;
            if (next_floats(a, some, &at->entry, &floats))
                return RC_BAD_INDEX;
            const __m512i columns = _mm512_maskz_compress_epi32((__mmask16)word, numbers);
            _mm256_storeu_si256((void *)(index + found), _mm512_cvtepi32_epi16(
                _mm512_add_epi32(_mm512_set1_epi32((int)(q - first)), columns)));
            _mm512_storeu_ps(value + found, floats);
            found += some;
        }
    }
    *count = found;
    return RC_OK;
}

RC_INLINE entries_function *unpacking(const struct rc_sparse *a)
{
    if (a->places != RC_SPARSE_BITMASK)
        return a->places == RC_SPARSE_RELATIVE ? strip_of_skips : strip_of_blocks;
    return a->values == RC_SPARSE_F32 ? strip_of_floats : a->values == RC_SPARSE_S8 ? strip_of_s8 : strip_of_codes;
}

#define KERNEL more_columns
#define LINKAGE static
#define ENTRIES(a) unpacking(a)
#include "columns.h"

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
            r[s] = _mm512_maskz_expand_epi8(word, r[s]);
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
        r[s] = _mm512_maskz_expand_epi8(word, _mm512_loadu_si512(data + at[s]));
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

/* What the values are to the loop: few codes are looked up in one register or two. */
enum kind { INTEGERS, CODES_16, CODES_32 };

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

RC_AVX512 int rc_sparse_matmul_avx512(size_t begin, size_t end, size_t width, size_t n, int add,
                                      const struct rc_sparse *a, const float *x, float *y)
{
    if (n == 1 && a->places == RC_SPARSE_BITMASK && a->values != RC_SPARSE_F32 && a->codes <= 32 && are_ordinary(x, a->k)) {
        if (a->values == RC_SPARSE_S8)
            return one_column(INTEGERS, begin, end, add, a, x, y);
        return a->codes <= 16 ? one_column(CODES_16, begin, end, add, a, x, y)
                              : one_column(CODES_32, begin, end, add, a, x, y);
    }
    return width <= 8 ? rc_sparse_matmul_avx2(begin, end, width, n, add, a, x, y)
                      : more_columns(begin, end, width, n, add, a, x, y);
}

/* `side` rows of w and `rows` rows of x, `words` of 64 inputs from p on, or the last ones of a group. A weight comes with
 * 128 added, also where none is stored: so 128 times the sum of the inputs comes off. */
RC_INLINE RC_AVX512 int words_of_integers(const size_t side, const size_t rows, const int whole, size_t o, size_t p,
                                          size_t stop, const int8_t *x, const struct rc_sparse *w, size_t *at,
                                          __m512i (*acc)[4], __m512i *sum)
{
    const __m512i ones = _mm512_set1_epi8(1), high = _mm512_set1_epi8(-128);
    const uint8_t *mask = w->mask + o * w->width, *data = w->data;
    const size_t ahead = side > 1 ? at[side - 1] - at[0] + (at[1] - at[0]) : 256;
    for (; whole ? p + 64 <= stop : p < stop; p += 64) {
        __m512i input[4];
        RC_UNROLL for (size_t r = 0; r < rows; r++) {
            input[r] = whole ? _mm512_loadu_si512(x + r * w->k + p)
                             : _mm512_maskz_loadu_epi8(first_64(stop - p), x + r * w->k + p);
            sum[r] = _mm512_dpbusd_epi32(sum[r], ones, input[r]);
        }
        RC_UNROLL for (size_t s = 0; s < side; s++) {
            const uint64_t word = whole ? mask_word(mask + s * w->width + p / 8, 8) : columns_of(w, o + s, p, stop);
            const size_t count = (size_t)__builtin_popcountll(word);
            __m512i bytes;
            if (whole && at[s] + 64 <= w->nnz) {
                bytes = _mm512_loadu_si512(data + at[s]);
                at[s] += count;
            } else if (next_bytes(w, count, at + s, &bytes)) {
                return RC_BAD_INDEX;
            }
            /* The rows that come next are near in memory, but short: the processor's own prefetcher knows no row before
             * its second line. */
            __builtin_prefetch(mask + (s + side) * w->width + p / 8, 0, 3);
            __builtin_prefetch(data + at[s] + ahead, 0, 3);
            bytes = _mm512_mask_expand_epi8(high, word, _mm512_xor_si512(bytes, high));
            RC_UNROLL for (size_t r = 0; r < rows; r++)
                acc[s][r] = _mm512_dpbusd_epi32(acc[s][r], bytes, input[r]);
        }
    }
    return RC_OK;
}

RC_INLINE RC_AVX512 int integers(const size_t side, const size_t rows, size_t o, size_t i, size_t n, const int8_t *x,
                                 const float *x_scale, const struct rc_sparse *w, const float *bias, float *y)
{
    size_t at[4];
    double total[4][4];
    x += i * w->k;
    RC_UNROLL for (size_t s = 0; s < side; s++) {
        at[s] = row_begin(w, o + s);
        RC_UNROLL for (size_t r = 0; r < rows; r++)
            total[s][r] = 0.0;
    }
    for (size_t g = 0; g * w->group < w->k; g++) {
        const size_t first = g * w->group, stop = rc_min(w->k, first + w->group);
        __m512i acc[4][4], sum[4];
        RC_UNROLL for (size_t r = 0; r < rows; r++) {
            sum[r] = _mm512_setzero_si512();
            RC_UNROLL for (size_t s = 0; s < side; s++)
                acc[s][r] = _mm512_setzero_si512();
        }
        if (words_of_integers(side, rows, 1, o, first, stop, x, w, at, acc, sum) ||
            words_of_integers(side, rows, 0, o, first + (stop - first) / 64 * 64, stop, x, w, at, acc, sum))
            return RC_BAD_INDEX;
        RC_UNROLL for (size_t r = 0; r < rows; r++) {
            const __m512i off = _mm512_slli_epi32(sum[r], 7);
            RC_UNROLL for (size_t s = 0; s < side; s++)
                total[s][r] += (double)_mm512_reduce_add_epi32(_mm512_sub_epi32(acc[s][r], off)) *
                               ((double)x_scale[i + r] * (double)scale_of(w, o + s, g));
        }
    }
    RC_UNROLL for (size_t s = 0; s < side; s++)
        RC_UNROLL for (size_t r = 0; r < rows; r++)
            y[(i + r) * n + o + s] = (float)(bias ? total[s][r] + (double)bias[o + s] : total[s][r]);
    return RC_OK;
}

RC_INLINE RC_AVX512 int integer_rows(const size_t rows, size_t begin, size_t end, size_t i, size_t n, const int8_t *x,
                                     const float *x_scale, const struct rc_sparse *w, const float *bias, float *y)
{
    size_t o = begin;
    for (; o + 4 <= end; o += 4)
        if (integers(4, rows, o, i, n, x, x_scale, w, bias, y))
            return RC_BAD_INDEX;
    for (; o < end; o++)
        if (integers(1, rows, o, i, n, x, x_scale, w, bias, y))
            return RC_BAD_INDEX;
    return RC_OK;
}

RC_AVX512 int rc_sparse_s8s8_avx512(size_t begin, size_t end, size_t m, size_t n, const int8_t *x,
                                    const float *x_scale, const struct rc_sparse *w, const float *bias, float *y)
{
    size_t i = 0;
    for (; i + 4 <= m; i += 4)
        if (integer_rows(4, begin, end, i, n, x, x_scale, w, bias, y))
            return RC_BAD_INDEX;
    for (; i < m; i++)
        if (integer_rows(1, begin, end, i, n, x, x_scale, w, bias, y))
            return RC_BAD_INDEX;
    return RC_OK;
}
#endif
