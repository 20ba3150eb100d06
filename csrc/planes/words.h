/* Template of the loops over elements of one size. Included by planes.h after these were defined:
 *
 * WORD                 an unsigned integer of that size
 * NAME(function)       the function's name for this size
 *
 * A run of RUN elements goes through arrays of our own, so that the compiler knows that nothing overlaps; they stay in
 * the nearest cache. The constant `turn` says what is done to an element's bits.
 */
enum { NAME(BYTES) = sizeof(WORD), NAME(TOP) = 8 * sizeof(WORD) - 1 };

RC_INLINE WORD NAME(turned)(const enum rc_planes_turn turn, WORD word)
{
    const WORD doubled = (WORD)(word << 1), sign = (WORD)(word >> NAME(TOP));
    if (turn == RC_PLANES_ROTATE)
        return doubled | sign;
    return turn == RC_PLANES_FOLD ? (WORD)(doubled ^ (WORD)(0 - sign)) : word;
}

RC_INLINE WORD NAME(turned_back)(const enum rc_planes_turn turn, WORD word)
{
    const WORD half = word >> 1, sign = word & 1;
    if (turn == RC_PLANES_ROTATE)
        return (WORD)(half | (WORD)(sign << NAME(TOP)));
    return turn == RC_PLANES_FOLD ? (WORD)(half ^ (WORD)(0 - sign)) : word;
}

/* One run, of which count elements are there. */
RC_INLINE void NAME(split_run)(const enum rc_planes_turn turn, size_t begin, size_t count, const WORD *patterns,
                               uint8_t *const *planes)
{
    WORD words[RUN] = {0};
    memcpy(words, patterns + begin, count * sizeof *words);
    for (size_t i = 0; i < RUN; i++)
        words[i] = NAME(turned)(turn, words[i]);
    RC_UNROLL
    for (size_t plane = 0; plane < NAME(BYTES); plane++) {
        uint8_t bytes[RUN];
        for (size_t i = 0; i < RUN; i++)
            bytes[i] = (uint8_t)(words[i] >> 8 * (NAME(BYTES) - 1 - plane));
        memcpy(planes[plane] + begin, bytes, count);
    }
}

RC_INLINE void NAME(join_run)(const enum rc_planes_turn turn, size_t begin, size_t count, const uint8_t *const *planes,
                              WORD *patterns)
{
    WORD words[RUN] = {0};
    RC_UNROLL
    for (size_t plane = 0; plane < NAME(BYTES); plane++) {
        uint8_t bytes[RUN] = {0};
        memcpy(bytes, planes[plane] + begin, count);
        for (size_t i = 0; i < RUN; i++)
            words[i] |= (WORD)((WORD)bytes[i] << 8 * (NAME(BYTES) - 1 - plane));
    }
    for (size_t i = 0; i < RUN; i++)
        words[i] = NAME(turned_back)(turn, words[i]);
    memcpy(patterns + begin, words, count * sizeof *words);
}

RC_INLINE void NAME(split)(const enum rc_planes_turn turn, size_t begin, size_t end, const void *patterns,
                           uint8_t *const *planes)
{
    for (; end - begin >= RUN; begin += RUN)
        NAME(split_run)(turn, begin, RUN, patterns, planes);
    if (begin < end)
        NAME(split_run)(turn, begin, end - begin, patterns, planes);
}

RC_INLINE void NAME(join)(const enum rc_planes_turn turn, size_t begin, size_t end, const uint8_t *const *planes,
                          void *patterns)
{
    for (; end - begin >= RUN; begin += RUN)
        NAME(join_run)(turn, begin, RUN, planes, patterns);
    if (begin < end)
        NAME(join_run)(turn, begin, end - begin, planes, patterns);
}

#undef WORD
#undef NAME
