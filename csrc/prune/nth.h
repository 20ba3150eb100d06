/* Template of the smallest score that is kept of each of several groups, a group in a lane. nm.h includes it for floats
 * and for doubles, after these were defined:
 *
 * OF(name)                 the name with the type behind it
 * FLOAT, INT, KEY          the type, and the integers of its size
 * VECTOR, RANKS, KEYS      vectors of them
 * LESSER(a, b), GREATER(a, b)   of two vectors
 * MORE(sum, a, b)          integers, one more where a is at least b
 *
 * What is looked for lies between two keys (rank.c): at least n scores, `kept`, have a key from `least` on, fewer,
 * `above`, one from `most` on. The scores are counted from a key between those on, which then takes the place of one of
 * them: the key at which the wanted count lies if the scores are spread evenly. Where that left more than half of the
 * scores between the two, the middle of the keys comes next. A lane is done when as many are kept as are wanted, or
 * when the keys follow each other. Equal scores leave no key with the wanted count: so after every eighth pass the keys
 * are drawn in to the scores that lie between them.
 */
#define EITHER(TYPE, mask, a, b) ((TYPE)(((KEYS)(a) & (KEYS)(mask)) | ((KEYS)(b) & ~(KEYS)(mask))))

/* The scores of `count` groups, `lane` apart; zeros in the other lanes. */
RC_INLINE TARGET VECTOR OF(loaded)(size_t count, size_t lane, const FLOAT *at)
{
    enum { SIDE = sizeof(VECTOR) / sizeof(FLOAT) };
    VECTOR x;
    if (lane == 1 && count == SIDE) {
        memcpy(&x, at, sizeof x);
    } else {
        FLOAT own[SIDE] = {0};
        for (size_t s = 0; s < count; s++)
            own[s] = at[s * lane];
        memcpy(&x, own, sizeof x);
    }
    return x;
}

/* Whether some lane is not 0. */
RC_INLINE TARGET int OF(any)(RANKS v)
{
    uint64_t word[sizeof v / sizeof(uint64_t)], all = 0;
    memcpy(word, &v, sizeof word);
    for (size_t i = 0; i < sizeof v / sizeof(uint64_t); i++)
        all |= word[i];
    return all != 0;
}

/* rc_prune_key and rc_prune_score of vectors. */
RC_INLINE TARGET KEYS OF(keys)(VECTOR x)
{
    const KEYS top = (KEYS){0} + ((KEY)1 << (8 * sizeof(KEY) - 1)), bits = (KEYS)(x + (VECTOR){0});
    return bits ^ ((KEYS)((RANKS)bits >> (8 * sizeof(KEY) - 1)) | top);
}

RC_INLINE TARGET VECTOR OF(scores)(KEYS key)
{
    const KEYS top = (KEYS){0} + ((KEY)1 << (8 * sizeof(KEY) - 1));
    return (VECTOR)(key ^ (~(KEYS)((RANKS)key >> (8 * sizeof(KEY) - 1)) | top));
}

/* The smallest and the largest of the scores; if `within`, of those that lie in *low .. *high. Whether some are NaN. */
RC_INLINE TARGET int OF(ends)(const int within, size_t m, size_t count, size_t step, const FLOAT *x, VECTOR *low,
                              VECTOR *high)
{
    VECTOR smallest = (VECTOR){0} + (FLOAT)INFINITY, largest = -smallest;
    RANKS nan = {0};
    for (size_t j = 0; j < m; j++) {
        const VECTOR own = OF(loaded)(count, 1, x + j * step);
        nan |= own != own;
        smallest = LESSER(smallest, within ? EITHER(VECTOR, own >= *low, own, smallest) : own);
        largest = GREATER(largest, within ? EITHER(VECTOR, own <= *high, own, largest) : own);
    }
    *low = smallest;
    *high = largest;
    return OF(any)(nan);
}

/* x : number j of a group lies at x[j * step], one of the next group behind it; of `count` groups. *over : how many of
 * the scores that are equal to the smallest one go, the last ones. *bad : whether some score is NaN. */
RC_INLINE TARGET VECTOR OF(nth)(size_t n, size_t m, size_t count, size_t step, const FLOAT *x, RANKS *over, int *bad)
{
    const RANKS want = (RANKS){0} + (INT)n;
    RANKS kept = (RANKS){0} + (INT)m, above = {0}, stalled = {0};
    VECTOR low, high;
    *over = above;
    if (OF(ends)(0, m, count, step, x, &low, &high)) {
        *bad = 1;
        return low;
    }
    KEYS least = OF(keys)(low), most = OF(keys)(high) + 1;
    for (size_t pass = 1;; pass++) {
        const RANKS open = (kept != want) & (RANKS)(most - least > 1), between = kept - above;
        if (!OF(any)(open))
            break;
        const VECTOR first = OF(scores)(least), last = OF(scores)(most);
        const VECTOR share = (__builtin_convertvector(kept - want, VECTOR) + (FLOAT)0.5) /
                             __builtin_convertvector(between, VECTOR);
        KEYS middle = EITHER(KEYS, stalled, least + (most - least) / 2, OF(keys)(first + share * (last - first)));
        middle = EITHER(KEYS, middle <= least, least + 1, middle);
        middle = EITHER(KEYS, middle >= most, most - 1, middle);
        middle = EITHER(KEYS, open, middle, least);
        const VECTOR from = OF(scores)(middle);
        RANKS sum[4] = {{0}};
        size_t j = 0;
        for (; j + 4 <= m; j += 4) {
            RC_UNROLL
            for (size_t p = 0; p < 4; p++)
                sum[p] = MORE(sum[p], OF(loaded)(count, 1, x + (j + p) * step), from);
        }
        for (; j < m; j++)
            sum[0] = MORE(sum[0], OF(loaded)(count, 1, x + j * step), from);
        const RANKS own = sum[0] + sum[1] + sum[2] + sum[3], fewer = own < want;
        least = EITHER(KEYS, fewer, least, middle);
        kept = EITHER(RANKS, fewer, kept, own);
        most = EITHER(KEYS, fewer, middle, most);
        above = EITHER(RANKS, fewer, own, above);
        stalled = ~stalled & ((kept - above) * 2 > between);
        if (pass % 8 == 0) {
            low = OF(scores)(least);
            high = OF(scores)(most - 1);
            OF(ends)(1, m, count, step, x, &low, &high);
            least = OF(keys)(low);
            most = OF(keys)(high) + 1;
        }
    }
    *over = kept - want;
    return OF(scores)(least);
}

/* Sorts 16 vectors lane by lane, from the largest down. */
RC_INLINE TARGET void OF(sort)(const VECTOR *from, VECTOR *to)
{
    VECTOR x[16];
    memcpy(x, from, sizeof x);
    NETWORK(COMPARED)
    memcpy(to, x, sizeof x);
}

/* The same of m to SORTED scores at x, of which there is room for SORTED: one or two runs of 16 are sorted. Number n of
 * two is found without a merge: it is the largest of the smaller ones of number i of the first and number n - i of the
 * second, for all i. */
RC_INLINE TARGET VECTOR OF(sorted_nth)(size_t n, size_t m, VECTOR *x, RANKS *over, int *bad)
{
    const VECTOR none = (VECTOR){0} - (FLOAT)INFINITY;
    VECTOR first[16], second[16], least = none;
    RANKS nan = {0}, kept = {0};
    for (size_t j = m; j < (m > 16 ? 32 : 16); j++)
        x[j] = none;
    OF(sort)(x, first);
    if (m > 16)
        OF(sort)(x + 16, second);
    const size_t most = m > 16 ? 16 : 0; /* of the second */
    for (size_t i = n - rc_min(n, most); i <= rc_min(n, 16); i++) {
        const VECTOR a = i ? first[i - 1] : -none, b = n - i ? second[n - i - 1] : -none;
        least = GREATER(least, LESSER(a, b));
    }
    for (size_t j = 0; j < m; j++) {
        nan |= x[j] != x[j];
        kept = MORE(kept, x[j], least);
    }
    *over = kept - (INT)n;
    *bad = OF(any)(nan);
    return least;
}

RC_INLINE TARGET VECTOR OF(near_nth)(size_t n, size_t m, VECTOR *near, RANKS *over, int *bad)
{
    enum { SIDE = sizeof(VECTOR) / sizeof(FLOAT) };
    return m <= SORTED ? OF(sorted_nth)(n, m, near, over, bad)
                       : OF(nth)(n, m, SIDE, SIDE, (const FLOAT *)near, over, bad);
}

/* `count` groups side by side: number j of each at at[j * step]. Returns whether some scores are NaN. */
RC_INLINE TARGET int OF(columns)(size_t n, size_t m, size_t count, size_t step, const FLOAT *at, uint8_t *mask)
{
    enum { SIDE = sizeof(VECTOR) / sizeof(FLOAT) };
    VECTOR near[COPIED], least;
    RANKS over;
    int bad = 0;
    if (m <= COPIED) {
        for (size_t j = 0; j < m; j++) {
            near[j] = OF(loaded)(count, 1, at + j * step);
            /* what stands beside it, of short groups further on, comes from memory while these are counted */
            __builtin_prefetch((const char *)((uintptr_t)(at + j * step) + (m > SORTED ? 64 : 256)), 0, 2);
        }
        least = OF(near_nth)(n, m, near, &over, &bad);
    } else {
        least = OF(nth)(n, m, count, step, at, &over, &bad);
    }
    if (bad)
        return 1;
    const int ties = OF(any)(over);
    for (size_t j = m; j-- > 0;) {
        const VECTOR x = m <= COPIED ? near[j] : OF(loaded)(count, 1, at + j * step);
        RANKS kept = x >= least;
        if (ties) {
            const RANKS gone = (x == least) & (over > 0); /* -1 */
            over += gone;
            kept &= ~gone;
        }
        OF(put)(kept & 1, count, 1, mask + j * step);
    }
    return 0;
}

/* Of `count` groups one behind the other what lies at or below the smallest scores that are kept; of magnitudes these
 * themselves. */
RC_INLINE TARGET VECTOR OF(nth_of_rows)(const int magnitude, size_t n, size_t m, size_t count, const FLOAT *at,
                                        RANKS *over, int *bad)
{
    enum { SIDE = sizeof(VECTOR) / sizeof(FLOAT) };
    VECTOR near[COPIED + SIDE - 1];
    size_t j = 0;
#ifdef TURNED
    if (sizeof(FLOAT) == sizeof(float) && count == SIDE)
        for (; j < m; j += SIDE)
            TURNED((const float *)at + j, m, rc_min(SIDE, m - j), (float *)(near + j));
#endif
    for (; j < m; j++)
        near[j] = OF(loaded)(count, m, at + j);
    for (j = 0; magnitude && j < m; j++)
        near[j] = OF(taken)(1, (const FLOAT *)(near + j));
    /* The next groups come from memory while these are counted. */
    for (size_t p = 0; p < count * m * sizeof(FLOAT); p += 64)
        __builtin_prefetch((const char *)((uintptr_t)(at + count * m) + p), 0, 2);
    VECTOR least = OF(near_nth)(n, m, near, over, bad), most = (VECTOR){0} + (FLOAT)INFINITY;
    if (magnitude)
        OF(ends)(1, m, SIDE, SIDE, (const FLOAT *)near, &least, &most);
    return least;
}

/* `count` groups one behind the other. */
RC_INLINE TARGET int OF(rows)(size_t n, size_t m, size_t count, const FLOAT *at, uint8_t *mask)
{
    RANKS over;
    int bad = 0;
    const VECTOR least = OF(nth_of_rows)(0, n, m, count, at, &over, &bad);
    for (size_t s = 0; s < count && !bad; s++)
        OF(marked)(m, at + s * m, least[s], (size_t)over[s], mask + s * m);
    return bad;
}

#undef EITHER
#undef OF
#undef FLOAT
#undef INT
#undef KEY
#undef VECTOR
#undef RANKS
#undef KEYS
#undef LESSER
#undef GREATER
#undef MORE
