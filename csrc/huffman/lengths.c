/* Huffman's lengths and the canonical code of them, in plain C. FORMAT.md's section on streams is the norm;
 * reference/huffman/lengths.py says why the lengths are optimal. */
#include "../kernels.h"

enum { MAX_LENGTH = 15 };

/* ---- lengths ---- */

/* Whether symbol a comes after b: the rarest first, of equal counts the higher symbol. */
static inline int after(const uint64_t *weights, uint16_t a, uint16_t b)
{
    return weights[a] != weights[b] ? weights[a] > weights[b] : a < b;
}

/* Move order[root] down until no child comes after it: one step of heapsort, which needs no memory. */
static void sift(const uint64_t *weights, uint16_t *order, size_t root, size_t n)
{
    for (size_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && after(weights, order[child + 1], order[child]))
            child++;
        if (!after(weights, order[child], order[root]))
            return;
        const uint16_t swap = order[root];
        order[root] = order[child];
        order[child] = swap;
    }
}

/* Heapsort: the symbols in `order` by their weights, the rarest first. */
static void sort(const uint64_t *weights, uint16_t *order, size_t n)
{
    for (size_t root = n / 2; root-- > 0;)
        sift(weights, order, root, n);
    for (size_t last = n; --last > 0;) {
        const uint16_t swap = order[0];
        order[0] = order[last];
        order[last] = swap;
        sift(weights, order, 0, last);
    }
}

/* The same by the bytes of the weights, the lowest first, if all are below 2^48: a key is a weight above what is left
 * of the symbol. keys, others : n entries each. Returns whether they were. */
static int sort_by_bytes(const uint64_t *weights, uint16_t *order, size_t n, uint64_t *keys, uint64_t *others)
{
    uint64_t all = 0;
    for (size_t i = 0; i < n; i++) {
        const uint16_t symbol = order[n - 1 - i]; /* the higher first */
        all |= weights[symbol];
        keys[i] = weights[symbol] << 16 | symbol;
    }
    if (all >> 48)
        return 0;
    for (unsigned shift = 16; all >> (shift - 16); shift += 8) {
        size_t places[256] = {0}, place = 0;
        for (size_t i = 0; i < n; i++)
            places[keys[i] >> shift & 0xff]++;
        for (size_t i = 0; i < 256; i++) {
            const size_t count = places[i];
            places[i] = place;
            place += count;
        }
        for (size_t i = 0; i < n; i++)
            others[places[keys[i] >> shift & 0xff]++] = keys[i];
        uint64_t *const swap = keys;
        keys = others;
        others = swap;
    }
    for (size_t i = 0; i < n; i++)
        order[i] = (uint16_t)keys[i];
    return 1;
}

/* The depths of the leaves of Huffman's tree in place of their weights, two or more in rising order; returns the
 * greatest. Packages are made in rising order too, so each takes the room of a leaf that is gone: first its weight,
 * then the number of the package that it is in, then its depth (Moffat and Katajainen, In-Place Calculation of
 * Minimum-Redundancy Codes, 1995). Of equal weights a leaf comes before a package; so depths fall in the order of the
 * leaves. */
static uint64_t depths(uint64_t *a, size_t n)
{
    size_t leaf = 0, package = 0;
    for (size_t made = 0; made < n - 1; made++) {
        uint64_t sum = 0;
        for (int two = 0; two < 2; two++) {
            if (leaf == n || (package < made && a[package] < a[leaf])) {
                sum += a[package];
                a[package++] = made;
            } else {
                sum += a[leaf++];
            }
        }
        a[made] = sum;
    }
    a[n - 2] = 0; /* the root */
    for (size_t i = n - 2; i-- > 0;)
        a[i] = a[a[i]] + 1;
    size_t next = n, there = 1, inner = n - 1; /* of this depth; packages that are left */
    for (uint64_t depth = 0; there; depth++) {
        size_t used = 0;
        for (; inner && a[inner - 1] == depth; inner--)
            used++;
        for (size_t leaves = there - used; leaves; leaves--)
            a[--next] = depth;
        there = 2 * used;
    }
    return a[0];
}

/* Merge the n leaves with the packages of the row below, a leaf first where weights are equal, into a row of items, and
 * pack each two items; returns how many packages that gives. A row is remembered by its items' kinds alone (1: a leaf).
 *
 * No leaf exceeds INT64_MAX, and packages are only ever compared with leaves, so a package of more can be cut to that:
 * it still comes after every leaf. Two such do not overflow 64 bits. */
static size_t merge(const uint64_t *weights, const uint16_t *order, size_t n, const uint64_t *below, size_t n_below,
                    uint8_t *row, uint64_t *packages)
{
    size_t leaf = 0, package = 0;
    uint64_t left = 0; /* the first item of a pair */
    for (size_t item = 0; item < n + n_below; item++) {
        const int is_leaf = package == n_below || (leaf < n && weights[order[leaf]] <= below[package]);
        const uint64_t weight = is_leaf ? weights[order[leaf++]] : below[package++];
        row[item] = (uint8_t)is_leaf;
        if (item % 2)
            packages[item / 2] = left + weight < INT64_MAX ? left + weight : INT64_MAX;
        left = weight;
    }
    return (n + n_below) / 2;
}

int rc_huffman_lengths_portable(size_t alphabet, unsigned limit, const uint64_t *counts, uint64_t *weights,
                                uint16_t *order, uint8_t *kinds, uint8_t *lengths)
{
    uint64_t *packages = weights + alphabet, *below = packages + alphabet;
    size_t n = 0;
    for (size_t i = 0; i < alphabet; i++) {
        weights[i] = counts[i]; /* copied: another thread may write the counts while they are sorted */
        lengths[i] = 0;
        if (weights[i])
            order[n++] = (uint16_t)i;
    }
    if (n == 1)
        lengths[order[0]] = 1;
    if (n < 2)
        return RC_OK;
    if (n > (size_t)1 << limit)
        return RC_BAD_INDEX;
    if (!sort_by_bytes(weights, order, n, packages, below))
        sort(weights, order, n);

    /* The tree is all that is needed where it is no deeper than the limit (reference/huffman/lengths.py says why). */
    for (size_t i = 0; i < n; i++)
        packages[i] = weights[order[i]];
    if (depths(packages, n) <= limit) {
        for (size_t i = 0; i < n; i++)
            lengths[order[i]] = (uint8_t)packages[i];
        return RC_OK;
    }

    /* One row a level, the deepest first. */
    size_t n_below = 0;
    for (unsigned level = 0; level < limit; level++) {
        n_below = merge(weights, order, n, below, n_below, kinds + level * 2 * alphabet, packages);
        uint64_t *const swap = packages;
        packages = below;
        below = swap;
    }

    /* Take the first 2n - 2 items of the top row, and from each row below the items of which the packages taken are
     * made. */
    size_t taken = 2 * n - 2;
    for (unsigned level = limit; level-- > 0;) {
        const uint8_t *row = kinds + level * 2 * alphabet;
        size_t leaves = 0;
        for (size_t item = 0; item < taken; item++)
            leaves += row[item];
        for (size_t leaf = 0; leaf < leaves; leaf++)
            lengths[order[leaf]]++;
        taken = 2 * (taken - leaves);
    }
    return RC_OK;
}

/* ---- code ---- */

int rc_huffman_code_portable(size_t alphabet, const uint8_t *lengths, uint16_t *codes)
{
    uint32_t next[MAX_LENGTH + 1] = {0}, number[MAX_LENGTH + 1] = {0};
    for (size_t i = 0; i < alphabet; i++)
        number[lengths[i] & MAX_LENGTH]++;
    number[0] = 0;
    for (unsigned length = 1; length <= MAX_LENGTH; length++)
        next[length] = 2 * (next[length - 1] + number[length - 1]);
    for (size_t i = 0; i < alphabet; i++)
        codes[i] = lengths[i] ? (uint16_t)next[lengths[i] & MAX_LENGTH]++ : 0;
    return RC_OK;
}
