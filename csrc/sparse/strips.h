/* The entries of a row in a strip of columns, in plain C: what the portable file computes with, and AVX2 for the
 * formats that it has no vectors for. */
#ifndef REFCOMPRESS_SPARSE_STRIPS_H
#define REFCOMPRESS_SPARSE_STRIPS_H
#include "../kernels.h"
#include <math.h>
#include <string.h>

enum {
    STRIP = 192,     /* columns at a time, at most: three words of a mask */
    ROOM = STRIP + 64, /* entries that a buffer of a strip holds: vectors write past the last one */
    ROWS_OF_X = 64,  /* of the product of integers: sums that wait for the end of a row */
};

/* The mask of 8 columns a byte as a number, the first column lowest. */
RC_INLINE uint64_t mask_word(const uint8_t *mask, size_t bytes)
{
    uint64_t word = 0;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    if (bytes == 8) {
        memcpy(&word, mask, 8);
        return word;
    }
#endif
    for (size_t b = 0; b < bytes; b++)
        word |= (uint64_t)mask[b] << 8 * b;
    return word;
}

/* The mask of the columns p .. last of a row, at most 64; p is a multiple of 8. */
RC_INLINE uint64_t columns_of(const struct rc_sparse *a, size_t row, size_t p, size_t last)
{
    const uint8_t *mask = a->mask + row * a->width + p / 8;
    const size_t columns = last - p;
    if (columns >= 64)
        return mask_word(mask, 8);
    return mask_word(mask, (columns + 7) / 8) & ((UINT64_C(1) << columns) - 1);
}

RC_INLINE float value_at(const struct rc_sparse *a, size_t at)
{
    if (a->values == RC_SPARSE_F32)
        return ((const float *)a->data)[at];
    if (a->values == RC_SPARSE_S8)
        return ((const int8_t *)a->data)[at];
    return a->codebook[((const uint8_t *)a->data)[at]];
}

/* Where a row is: its next entry, and by relative index the column behind the last one. */
struct place {
    size_t entry, column;
};

/* The first entry of a row; above nnz if that was changed after Python had checked it. */
RC_INLINE size_t row_begin(const struct rc_sparse *a, size_t row)
{
    return (size_t)a->first[row];
}

RC_INLINE struct place place_of(const struct rc_sparse *a, size_t row)
{
    return (struct place){.entry = row_begin(a, row), .column = 0};
}

/* The entries of a row in the columns first .. last: their columns, counted from first, and their values. *at is moved
 * on. */
typedef int entries_function(const struct rc_sparse *a, size_t row, size_t first, size_t last, struct place *at,
                             uint16_t *index, float *value, size_t *count);

static inline int strip_of_mask(const struct rc_sparse *a, size_t row, size_t first, size_t last, struct place *at,
                                uint16_t *index, float *value, size_t *count)
{
    size_t found = 0, next = at->entry;
    for (size_t p = first; p < last; p += 64) {
        uint64_t word = columns_of(a, row, p, last);
        if (next > a->nnz || (size_t)__builtin_popcountll(word) > a->nnz - next)
            return RC_BAD_INDEX;
        for (; word; word &= word - 1) {
            index[found] = (uint16_t)(p - first + (size_t)__builtin_ctzll(word));
            value[found++] = value_at(a, next++);
        }
    }
    at->entry = next;
    *count = found;
    return RC_OK;
}

/* Number e of those of so many bits, at most 8, side by side. */
RC_INLINE unsigned packed_at(const uint8_t *bytes, size_t bits, size_t e)
{
    const size_t bit = e * bits, shift = bit % 8;
    unsigned number = bytes[bit / 8];
    if (shift + bits > 8)
        number |= (unsigned)bytes[bit / 8 + 1] << 8;
    return number >> shift & ((1u << bits) - 1);
}

/* The same by relative index. */
static inline int strip_of_skips(const struct rc_sparse *a, size_t row, size_t first, size_t last, struct place *at,
                                 uint16_t *index, float *value, size_t *count)
{
    const size_t end = row_begin(a, row + 1), skip_bits = a->skip_bits, code_bits = a->code_bits;
    const uint8_t *skips = a->mask, *codes = a->data;
    const float *codebook = a->codebook;
    size_t found = 0, entry = at->entry, column = at->column;
    if (end > a->nnz || entry > end)
        return RC_BAD_INDEX;
    for (; entry < end; entry++) {
        const size_t next = column + packed_at(skips, skip_bits, entry);
        if (next >= last)
            break;
        if (next < first) /* it was changed meanwhile */
            return RC_BAD_INDEX;
        const unsigned code = packed_at(codes, code_bits, entry);
        index[found] = (uint16_t)(next - first);
        value[found] = codebook[code];
        found += code != 0;
        column = next + 1;
    }
    if (entry < end && last == a->k) /* it points outside the row */
        return RC_BAD_INDEX;
    at->entry = entry;
    at->column = column;
    *count = found;
    return RC_OK;
}

/* The same in blocks. at->entry is a block, and at->column the columns of it that were taken. */
static inline int strip_of_blocks(const struct rc_sparse *a, size_t row, size_t first, size_t last, struct place *at,
                                  uint16_t *index, float *value, size_t *count)
{
    const size_t rows = a->block_rows, columns = a->block_columns, end = row_begin(a, (row / rows + 1) * rows);
    size_t found = 0, block = at->entry, done = at->column, next = first;
    if (end > a->nnz || block > end)
        return RC_BAD_INDEX;
    while (block < end) {
        const float *data = (const float *)a->data + (block * rows + row % rows) * columns + done;
        const size_t begin = (size_t)a->columns[block] * columns + done;
        if (begin >= last)
            break;
        if (begin < next) /* it was changed meanwhile */
            return RC_BAD_INDEX;
        const size_t some = rc_min(columns - done, last - begin);
        for (size_t t = 0; t < some; t++) {
            index[found + t] = (uint16_t)(begin - first + t);
            value[found + t] = data[t];
        }
        found += some;
        next = begin + some;
        done += some;
        if (done < columns)
            break;
        done = 0;
        block++;
    }
    if (block < end && last == a->k) /* it points outside the row */
        return RC_BAD_INDEX;
    at->entry = block;
    at->column = done;
    *count = found;
    return RC_OK;
}

RC_INLINE int strip_entries(const struct rc_sparse *a, size_t row, size_t first, size_t last, struct place *at,
                            uint16_t *index, float *value, size_t *count)
{
    entries_function *const entries = a->places == RC_SPARSE_BITMASK     ? strip_of_mask
                                      : a->places == RC_SPARSE_RELATIVE ? strip_of_skips
                                                                        : strip_of_blocks;
    return entries(a, row, first, last, at, index, value, count);
}

/* Ask for a strip of the row that comes `rows` later, at its mask and about where its entries are. Rows are short, and
 * the processor's own prefetcher starts anew at each of them. */
RC_INLINE void prefetch_strip(const struct rc_sparse *a, size_t row, size_t rows, size_t p, size_t at, size_t entries)
{
    if (a->places != RC_SPARSE_BITMASK)
        return;
    const size_t size = a->values == RC_SPARSE_F32 ? 4 : 1, from = (at + rows * entries) * size;
    __builtin_prefetch(a->mask + (row + rows) * a->width + p / 8, 0, 3);
    for (size_t b = 0; b < rc_min(entries * size * STRIP / (a->k + 1) + 64, 512); b += 64)
        __builtin_prefetch((const uint8_t *)a->data + from + b, 0, 3);
}

RC_INLINE float scale_of(const struct rc_sparse *a, size_t row, size_t group)
{
    return a->scale && a->k ? a->scale[row * a->stride + group] : 1.0f; /* with no columns there may be no scale */
}
#endif
