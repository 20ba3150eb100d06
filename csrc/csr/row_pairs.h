/* Sparse times five to eight columns: included in avx512.c alone. A row of x is half a vector, so a vector holds the
 * sums of two rows of the matrix. Four such pairs go side by side, for a chain waits four cycles for its last sum; and
 * eight entries of each row at a time, whose columns are checked and made places of x by vectors. An entry then takes a
 * load of its place, a load of its row of x to one half of a vector, and half of what its value and its sum take. x
 * comes from the second-level cache, and fewer instructions let more of its loads be on their way. */

enum {
    PAIRS = 4,
    SIDE = 2 * PAIRS, /* rows */
    AT_ONCE = 8,      /* entries of a row */
};

struct side_by_side {
    size_t first[SIDE], last[SIDE]; /* the entries of each row, and the one behind them */
    __m512 sums[PAIRS];
};

/* Eight floats, or some of them, and zeros. The compiler keeps a mask of all lanes, which then takes time. */
RC_INLINE RC_AVX512 __m256 eight_floats(const int all, __mmask8 some, const void *from)
{
    return all ? _mm256_loadu_ps(from) : _mm256_maskz_loadu_ps(some, from);
}

RC_INLINE RC_AVX512 __m256 eight_values(const enum rc_csr_type type, const int all, __mmask8 some, const void *from)
{
    if (type == RC_CSR_F32)
        return eight_floats(all, some, from);
    const __m128i bits = all ? _mm_loadu_si128(from) : _mm_maskz_loadu_epi16(some, from);
    return type == RC_CSR_F16 ? _mm256_cvtph_ps(bits)
                              : _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(bits), 16));
}

RC_INLINE RC_AVX512 __m512 two_halves(__m256 low, __m256 high)
{
    return _mm512_insertf32x8(_mm512_castps256_ps512(low), high, 1);
}

/* Eight entries of each row, after so many: all of them, or those that are left. */
RC_INLINE RC_AVX512 int next_entries(const enum rc_csr_type type, const int all, size_t done,
                                     const struct rc_csr *a, size_t n, const __mmask8 columns, const float *x,
                                     struct side_by_side *rows)
{
    const size_t size = type == RC_CSR_F32 ? 4 : 2;
    const __m256i stride = _mm256_set1_epi32((int)(n * sizeof *x));
    _Alignas(32) uint32_t place[SIDE][AT_ONCE];
    __m256 value[SIDE];
    __m256i largest = _mm256_setzero_si256(), counts[SIDE];
    RC_UNROLL for (size_t r = 0; r < SIDE; r++) {
        const size_t p = rows->first[r] + done, left = rows->last[r] > p ? rows->last[r] - p : 0;
        const size_t count = all ? AT_ONCE : rc_min(left, AT_ONCE);
        const __mmask8 some = (__mmask8)((1u << count) - 1);
        __m256i own = _mm256_castps_si256(eight_floats(all, some, (const int32_t *)a->indices + p));
        __asm__("" : "+x"(own)); /* once from memory: what is checked is what is used, whoever else writes */
        largest = _mm256_max_epu32(largest, own); /* a negative one is larger than any k */
        _mm256_store_si256((void *)place[r], _mm256_mullo_epi32(own, stride));
        value[r] = eight_values(type, all, some, (const char *)a->data + p * size);
        counts[r] = _mm256_set1_epi32((int)count);
    }
    if (_mm256_cmpge_epu32_mask(largest, _mm256_set1_epi32((int)a->k)))
        return RC_BAD_INDEX;
    __asm__("" : "+m"(place)); /* the compiler would take them out of the vectors again, one by one */
    const __m512i eights = _mm512_inserti32x8(_mm512_setzero_si512(), _mm256_set1_epi32(AT_ONCE), 1);
    RC_UNROLL for (size_t u = 0; u < AT_ONCE; u++) {
        const __m512i number = _mm512_set1_epi32((int)u), own = _mm512_add_epi32(eights, number);
        RC_UNROLL for (size_t b = 0; b < PAIRS; b++) {
            const void *low = (const char *)x + place[2 * b][u], *high = (const char *)x + place[2 * b + 1][u];
            const __m512 inputs =
                two_halves(eight_floats(columns == 0xff, columns, low), eight_floats(columns == 0xff, columns, high));
            const __m512 values = _mm512_permutexvar_ps(own, two_halves(value[2 * b], value[2 * b + 1]));
            const __m512i there = _mm512_inserti32x8(_mm512_castsi256_si512(counts[2 * b]), counts[2 * b + 1], 1);
            rows->sums[b] = all ? _mm512_fmadd_ps(values, inputs, rows->sums[b])
                                : _mm512_mask3_fmadd_ps(values, inputs, rows->sums[b],
                                                        _mm512_cmpgt_epi32_mask(there, number));
        }
    }
    return RC_OK;
}

/* All entries of eight rows. As many entries behind them are asked for meanwhile: rows are short, and the processor's
 * own prefetcher starts anew at each of them. */
RC_INLINE RC_AVX512 int eight_rows(const enum rc_csr_type type, const struct rc_csr *a, size_t n,
                                   const __mmask8 columns, const float *x, struct side_by_side *rows)
{
    const size_t size = type == RC_CSR_F32 ? 4 : 2;
    size_t common = SIZE_MAX, longest = 0, done = 0, ahead = rows->last[SIDE - 1];
    RC_UNROLL for (size_t r = 0; r < SIDE; r++) {
        const size_t count = rows->last[r] - rows->first[r];
        common = rc_min(common, count);
        longest = count > longest ? count : longest;
    }
    RC_UNROLL for (size_t b = 0; b < PAIRS; b++)
        rows->sums[b] = _mm512_setzero_ps();
    for (; done + AT_ONCE <= common; done += AT_ONCE, ahead += SIDE * AT_ONCE) {
        RC_UNROLL for (size_t e = 0; e < SIDE * AT_ONCE; e += 16) {
            __builtin_prefetch((const int32_t *)a->indices + ahead + e, 0, 2);
            __builtin_prefetch((const char *)a->data + (ahead + e) * size, 0, 2);
        }
        if (next_entries(type, 1, done, a, n, columns, x, rows))
            return RC_BAD_INDEX;
    }
    for (; done < longest; done += AT_ONCE)
        if (next_entries(type, 0, done, a, n, columns, x, rows))
            return RC_BAD_INDEX;
    return RC_OK;
}

RC_INLINE RC_AVX512 int row_pairs(const enum rc_csr_type type, size_t begin, size_t end, const __mmask8 columns,
                                  size_t n, const struct rc_csr *a, const float *x, float *y)
{
    for (size_t i = begin; i < end; i += SIDE) {
        const size_t count = rc_min(end - i, SIDE);
        struct side_by_side rows;
        size_t next = (size_t)a->indptr[i]; /* each is read once: another thread may write */
        for (size_t r = 0; r < SIDE; r++) {
            rows.first[r] = next;
            if (r < count) /* rows that are not there have no entries */
                next = (size_t)a->indptr[i + r + 1];
            rows.last[r] = next;
            if (rows.first[r] > next || next > a->nnz)
                return RC_BAD_INDEX;
        }
        if (eight_rows(type, a, n, columns, x, &rows))
            return RC_BAD_INDEX;
        RC_UNROLL for (size_t r = 0; r < SIDE; r++)
            if (r < count)
                _mm256_mask_storeu_ps(y + (i + r) * n, columns,
                                      r % 2 ? _mm512_extractf32x8_ps(rows.sums[r / 2], 1)
                                            : _mm512_castps512_ps256(rows.sums[r / 2]));
    }
    return RC_OK;
}

/* Whether the places of x, in bytes, are numbers of 32 bits. */
RC_INLINE int has_short_places(const struct rc_csr *a, size_t n)
{
    return !a->wide && n <= UINT32_MAX / sizeof(float) / (a->k + 1);
}

static RC_AVX512 int five_to_eight_columns(size_t begin, size_t end, size_t width, size_t n, const struct rc_csr *a,
                                           const float *x, float *y)
{
    const __mmask8 columns = (__mmask8)((1u << width) - 1);
    if (a->type == RC_CSR_F16)
        return row_pairs(RC_CSR_F16, begin, end, columns, n, a, x, y);
    if (a->type == RC_CSR_BF16)
        return row_pairs(RC_CSR_BF16, begin, end, columns, n, a, x, y);
    return width == 8 ? row_pairs(RC_CSR_F32, begin, end, 0xff, n, a, x, y)
                      : row_pairs(RC_CSR_F32, begin, end, columns, n, a, x, y);
}
