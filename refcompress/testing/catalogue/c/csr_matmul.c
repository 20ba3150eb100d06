/* csr_matmul, right, or with the one bug that BUG names. The struct is that of csrc/csr/api.h. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rc_csr {
    size_t m, k, nnz;
    const int64_t *indptr;
    const void *indices, *data;
    int type; /* 0 : float, 1 : half, 2 : the upper half of a float */
    int wide, rising;
    const void *windows;
};

enum bug { NONE, TWO_ENTRIES_AT_A_TIME, READS_NEXT_COLUMN, RETURNS_FOR_EMPTY, ALL_COLUMNS_WRITTEN };

static float number(const struct rc_csr *a, int64_t p)
{
    uint32_t bits;
    float value;
    if (a->type == 0)
        return ((const float *)a->data)[p];
    uint16_t code = ((const uint16_t *)a->data)[p];
    if (a->type == 2)
        bits = (uint32_t)code << 16;
    else { /* a half: its fraction as a whole number, times a power of two */
        int exponent = code >> 10 & 31, fraction = code & 1023;
        if (exponent == 31)
            bits = (uint32_t)(code >> 15) << 31 | 0x7F800000u | (uint32_t)fraction << 13;
        else {
            value = (float)(exponent ? fraction + 1024 : fraction) * 0x1p-24f;
            for (int e = 1; e < exponent; e++)
                value *= 2;
            return code >> 15 ? -value : value;
        }
    }
    memcpy(&value, &bits, sizeof value);
    return value;
}

int kernel(size_t begin, size_t end, size_t width, size_t n, const struct rc_csr *a, const float *x, float *y)
{
    const enum bug bug = BUG;
    for (size_t i = begin; i < end; i++) {
        int64_t first = a->indptr[i], last = a->indptr[i + 1];
        if (bug == RETURNS_FOR_EMPTY && first == last)
            return 0; /* continue was meant */
        if (bug == TWO_ENTRIES_AT_A_TIME)
            last += (last - first) & 1;
        size_t columns = bug == ALL_COLUMNS_WRITTEN ? (width + 3) / 4 * 4 : width;
        for (size_t j = 0; j < columns; j++) {
            float sum = 0;
            for (int64_t p = first; p < last; p++) {
                int64_t c = a->wide ? ((const int64_t *)a->indices)[p] : ((const int32_t *)a->indices)[p];
                sum += number(a, p) * x[(size_t)c * n + j + (bug == READS_NEXT_COLUMN && j + 1 == width && i % 7 == 6)];
            }
            y[i * n + j] = sum;
        }
    }
    return 0;
}
