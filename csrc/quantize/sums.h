/* Template of requantize_s32: int32 sums to integers of few bits. Included after these were defined:
 *
 * REQUANTIZE           the function's name
 * TARGET               its instruction set, or nothing
 * requantize_run(rounding, wide, each, count, x, multiplier, shift, to, y)     of sums that share a multiplier and a
 *                      shift, or (each) have one each, side by side
 * and where it pays ROWS, and requantize_rows(rounding, wide, columns, x, multiplier, shift, to, y) of so many whole
 * rows
 */
RC_INLINE TARGET void requantize(const enum rc_rounding rounding, const int wide, size_t begin, size_t end,
                                 size_t columns, const int32_t *x, const struct rc_to_s8 *to, void *y)
{
    const size_t size = wide ? sizeof(int16_t) : sizeof(int8_t);
    char *out = y;
    if (columns == 1) {
        requantize_run(rounding, wide, 0, end - begin, x + begin, to->multiplier, to->shift, to, out + begin * size);
        return;
    }
    for (size_t i = begin; i < end;) {
        const size_t o = i % columns, run = rc_min(columns - o, end - i);
#ifdef ROWS
        if (o == 0 && (end - i) / columns >= ROWS) {
            requantize_rows(rounding, wide, columns, x + i, to->multiplier, to->shift, to, out + i * size);
            i += ROWS * columns;
            continue;
        }
#endif
        requantize_run(rounding, wide, 1, run, x + i, to->multiplier + o, to->shift + o, to, out + i * size);
        i += run;
    }
}

TARGET int REQUANTIZE(size_t begin, size_t end, size_t columns, enum rc_rounding rounding, int wide, const int32_t *x,
                      const struct rc_to_s8 *how, void *y)
{
    const struct rc_to_s8 to = *how;
    if (begin == end)
        return RC_OK;
    switch (2 * (int)rounding + (wide != 0)) {
    case 2 * RC_HALF_EVEN: requantize(RC_HALF_EVEN, 0, begin, end, columns, x, &to, y); break;
    case 2 * RC_HALF_EVEN + 1: requantize(RC_HALF_EVEN, 1, begin, end, columns, x, &to, y); break;
    case 2 * RC_HALF_AWAY: requantize(RC_HALF_AWAY, 0, begin, end, columns, x, &to, y); break;
    case 2 * RC_HALF_AWAY + 1: requantize(RC_HALF_AWAY, 1, begin, end, columns, x, &to, y); break;
    case 2 * RC_GEMMLOWP: requantize(RC_GEMMLOWP, 0, begin, end, columns, x, &to, y); break;
    default: requantize(RC_GEMMLOWP, 1, begin, end, columns, x, &to, y);
    }
    return RC_OK;
}
