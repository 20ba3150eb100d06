/* Sixteen rows side by side: reference/rangecoder/lanes.py step for step, in integers. Included after these were
 * defined:
 *
 * TARGET               the instruction set of all functions here, or nothing
 * WIDTH                32-bit numbers in its vectors, a divisor of 16
 * TO_FLOATS(v), TO_INTEGERS(v)   the numbers of a vector as floats, and back (rounded towards zero)
 * LOOK_UP(table, v)    table[i] for each lane i of v
 * SUM(v)               of all lanes
 * ENCODE, DECODE       the names of the two functions
 *
 * The compiler's own vectors; they have the lanes in falling order, so that those of a column's neighbours rise in
 * memory. The model is computed for all lanes at once; the interval takes the lanes' bits one after the other. */
#include "coder.h"
#include <string.h>

enum {
    ROWS = RC_RANGECODER_LANES,
    PARTS = ROWS / WIDTH,
    WHOLE = 1 << 22,        /* what a probability of a slot is a part of */
    LOWEST_PART = 64,       /* its lowest, and WHOLE - LOWEST_PART its highest: a logit has at most 12 bits */
    LOWEST_FLAG = 16,       /* of a flag's probability, in 1 / ONE */
    FIRST_MIX = 19660,      /* of a weight, in 1 / ONE: 0.3 */
    MOST_MIX = (1 << 17) - 1, /* 3 * MOST_MIX * 4095 is below 2^31 */
    MOST_ROWS = 255,        /* that a column counts */
    MOST_COLUMNS = 48,      /* that a row counts */
    LEAST_RATE = 8,         /* of a pattern, in 1 / 1024 */
    FIRST_RATE = 683,
};

typedef int32_t INTS __attribute__((vector_size(WIDTH * 4)));
typedef uint32_t NATURALS __attribute__((vector_size(WIDTH * 4)));
typedef float FLOATS __attribute__((vector_size(WIDTH * 4)));

RC_INLINE TARGET INTS all(int32_t a)
{
    return a - (INTS){0};
}

RC_INLINE TARGET INTS load(const int32_t *from)
{
    INTS v;
    memcpy(&v, from, sizeof v);
    return v;
}

RC_INLINE TARGET INTS select(INTS condition, INTS a, INTS b)
{
    return (condition & a) | (~condition & b);
}

RC_INLINE TARGET INTS cut(INTS v, int32_t lowest, int32_t highest)
{
    v = select(v < lowest, all(lowest), v);
    return select(v > highest, all(highest), v);
}

RC_INLINE int32_t cut_weight(int32_t w)
{
    return w < -MOST_MIX ? -MOST_MIX : w > MOST_MIX ? MOST_MIX : w;
}

/* Where a lane's bit of the mask is set. */
RC_INLINE TARGET INTS lanes_of(uint32_t mask, INTS bits)
{
    return (all((int32_t)mask) & bits) != 0;
}

/* 256 times the logarithm to base 2, a straight line between two powers, and 127 * 256 more. */
RC_INLINE TARGET INTS logarithm(INTS v)
{
    return (INTS)TO_FLOATS(v) >> 15;
}

RC_INLINE TARGET INTS logit(INTS p)
{
    return logarithm(p) - logarithm(WHOLE - p);
}

/* The probability, in 1 / ONE, of a logit: t / (1 + t) by a cubic, where t is 2 to the logit below 0. */
RC_INLINE TARGET INTS probability(INTS x)
{
    const INTS below = x <= 0;
    const INTS magnitude = cut(select(below, x, -x), -4095, 0);
    const NATURALS t = (NATURALS)TO_INTEGERS((FLOATS)((magnitude << 15) + (143 << 23))); /* 143 : 127, and 2^16 */
    const NATURALS slope = 55296 - ((t >> 2) + (t >> 4) + (t >> 5));
    INTS p = (INTS)(t * (ONE - (t * slope >> 16)) >> 16);
    p = select(p < LOWEST_FLAG, all(LOWEST_FLAG), p);
    return select(below, p, ONE - p);
}

/* A slot of probability p takes in the flags; a rate of 1 is 2^bits. */
RC_INLINE TARGET INTS moved(INTS p, INTS flags, INTS rate, const int bits)
{
    const INTS missing = (flags & WHOLE) - p;
    return cut(p + ((missing >> 6) * rate >> (bits - 6)), LOWEST_PART, WHOLE - LOWEST_PART);
}

/* 1 / (n + 1.5) in 1 / 2^14. */
RC_INLINE int32_t rate_of(size_t n)
{
    return (int32_t)((2u << 14) / (2 * (uint32_t)n + 3));
}

/* By the parity of the step, for half of the step and the place in the vector: the rates of the rows. Behind AT_LAST
 * all are the last ones. */
enum { AT_LAST = MOST_COLUMNS / 2 + ROWS - 1 };
struct rates {
    int32_t of[2][AT_LAST + ROWS];
};

static void fill_rates(struct rates *r)
{
    for (size_t parity = 0; parity < 2; parity++)
        for (size_t at = 0; at < AT_LAST + ROWS; at++) {
            const size_t j = at < ROWS - 1 ? 0 : 2 * (at - (ROWS - 1)) + parity; /* no lane is at a column before 0 */
            r->of[parity][at] = rate_of(rc_min(j, MOST_COLUMNS));
        }
}

RC_INLINE size_t columns_stride(size_t k)
{
    return k / 2 + 32;
}

static void begin_lanes(struct rc_rangecoder_lanes *s, size_t k, int32_t *columns)
{
    for (size_t t = 0; t < 3; t++)
        s->weights[t] = FIRST_MIX;
    for (size_t t = 0; t < RC_RANGECODER_NEAR; t++)
        s->near[t] = (uint32_t)(WHOLE / 8) << 10 | FIRST_RATE;
    for (size_t t = 0; t < RC_RANGECODER_TREE; t++)
        s->tree[t] = fresh;
    for (size_t j = 0; j < 2 * columns_stride(k); j++)
        columns[j] = WHOLE / 64;
}

/* 1 where there is a code above 0, 0 where there is none and outside of the matrix. */
RC_INLINE uint32_t flag_at(const uint8_t *codes, size_t row, size_t rows_before, size_t j, size_t k)
{
    return row >= rows_before && j < k && codes[(row - rows_before) * k + j] != 0;
}

/* The flags of the two rows before this group, which the lanes 0 and 1 will see two and four steps later. */
RC_INLINE uint32_t rows_above(const uint8_t *codes, size_t row, size_t step, size_t k)
{
    return flag_at(codes, row, 1, step + 2, k) << 16 | flag_at(codes, row, 2, step + 4, k) << 17;
}

/* The lanes from `first` to `last` code their flags and codes, in the order of their rows; flags gets the flags as
 * bits. */
RC_INLINE TARGET int code_lanes(const int decoding, struct coder *c, unsigned depth, unsigned alphabet, size_t first,
                                size_t last, const int32_t *p, uint8_t *codes, size_t k, uint32_t *flags)
{
    uint8_t *code = codes + first * (k - 2);
    uint32_t found = 0;
    for (size_t lane = first; lane <= last; lane++, code += k - 2) {
        const unsigned given = decoding ? 0 : *code;
        if (!code_bit(decoding, 0, c, p[ROWS - 1 - lane], given != 0))
            continue;
        found |= 1u << (ROWS - 1 - lane);
        const unsigned value = code_value(decoding, c, depth, given - 1) + 1;
        if (decoding) {
            if (value >= alphabet)
                return RC_CORRUPT;
            *code = (uint8_t)value;
        }
    }
    *flags = found;
    return RC_OK;
}

/* One template for both. */
RC_INLINE TARGET int run_rows(const int decoding, size_t begin, size_t end, size_t m, size_t k, unsigned alphabet,
                              uint8_t *codes, int32_t *columns, struct rc_rangecoder_lanes *s, size_t n, uint8_t *bytes)
{
    const unsigned depth = depth_of(alphabet);
    const size_t steps = k + 2 * (ROWS - 1);
    if (begin == 0) {
        begin_lanes(s, k, columns);
        begin_interval(decoding, &s->interval, bytes, n);
    }
    struct coder c = {s->interval, s->tree, bytes, n, 0};
    struct rates rates;
    fill_rates(&rates);
    int32_t numbers[ROWS], row_rates[ROWS] = {0};
    for (size_t i = 0; i < ROWS; i++)
        numbers[i] = 1 << i;
    INTS bits[PARTS];
    RC_UNROLL for (size_t v = 0; v < PARTS; v++)
        bits[v] = load(numbers + WIDTH * v);
    size_t row = begin / steps * ROWS, step = begin % steps;
    for (size_t at = begin; at < end; at++, step++) {
        if (step == steps) {
            step = 0;
            row += ROWS;
        }
        if (step == 0) {
            for (size_t t = 0; t < 4; t++) /* steps -1 to -4: of the rows above alone */
                s->history[t] = (t < 2 ? flag_at(codes, row, 1, 1 - t, k) << 16 : 0) |
                                flag_at(codes, row, 2, 3 - t, k) << 17;
            for (size_t i = 0; i < ROWS; i++)
                s->line[i] = WHOLE / 64;
        }
        if (step == 0 || at == begin)
            for (size_t i = 0; i < ROWS; i++)
                row_rates[i] = rate_of(rc_min(row + ROWS - 1 - i, MOST_ROWS));
        const uint32_t *const h = s->history;
        const uint32_t masks[6] = {h[0], h[1], h[1] >> 1, h[3] >> 2, h[2] >> 1, h[0] >> 1};
        int32_t *const here = columns + step % 2 * columns_stride(k) + step / 2;
        const int32_t *const line_rates = rates.of[step % 2] + rc_min(step / 2, AT_LAST);
        INTS slots[3][PARTS], logits[3][PARTS], at_near[PARTS], rate[PARTS], p[PARTS];
        int32_t chances[ROWS];
        const INTS mix[3] = {all(s->weights[0]), all(s->weights[1]), all(s->weights[2])};
        RC_UNROLL for (size_t v = 0; v < PARTS; v++) {
            INTS near = lanes_of(masks[0], bits[v]) & 1;
            RC_UNROLL for (size_t t = 1; t < 6; t++)
                near |= lanes_of(masks[t], bits[v]) & 1 << t;
            at_near[v] = near;
            const INTS found = LOOK_UP((const int32_t *)s->near, near);
            rate[v] = found & 1023;
            slots[0][v] = load(here + WIDTH * v);
            slots[1][v] = load(s->line + WIDTH * v);
            slots[2][v] = (INTS)((NATURALS)found >> 10);
            INTS sum = all(0);
            RC_UNROLL for (size_t t = 0; t < 3; t++) {
                logits[t][v] = logit(slots[t][v]);
                sum += mix[t] * logits[t][v];
            }
            p[v] = probability(sum >> 16);
            memcpy(chances + WIDTH * v, &p[v], sizeof p[v]);
        }
        /* Lane r is at column step - 2 r. */
        const size_t first = step < k ? 0 : (step - k) / 2 + 1;
        const size_t last = rc_min(rc_min(step / 2, ROWS - 1), m - row - 1);
        uint32_t flags = 0, active = 0;
        if (first <= last) {
            active = (0xffffu >> first) & (0xffffu << (ROWS - 1 - last));
            if (code_lanes(decoding, &c, depth, alphabet, first, last, chances, codes + row * k + step, k, &flags))
                return RC_CORRUPT;
            if (decoding && c.interval.position > n + 4) /* more than the zeros behind the last byte */
                return RC_CORRUPT;
        }
        s->history[3] = s->history[2];
        s->history[2] = s->history[1];
        s->history[1] = s->history[0];
        s->history[0] = flags | rows_above(codes, row, step, k);
        INTS slope[3] = {{0}};
        int32_t places[ROWS], values[ROWS];
        RC_UNROLL for (size_t v = 0; v < PARTS; v++) {
            const INTS set = lanes_of(flags, bits[v]), on = lanes_of(active, bits[v]);
            const INTS error = (((set & ONE) - p[v]) >> 2) & on;
            RC_UNROLL for (size_t t = 0; t < 3; t++)
                slope[t] += logits[t][v] * error;
            const INTS column = moved(slots[0][v], set, load(row_rates + WIDTH * v), 14);
            memcpy(here + WIDTH * v, &column, sizeof column);
            const INTS line = select(on, moved(slots[1][v], set, load(line_rates + WIDTH * v), 14), slots[1][v]);
            memcpy(s->line + WIDTH * v, &line, sizeof line);
            const INTS less = rate[v] - ((rate[v] * rate[v] + 1023) >> 10);
            const INTS value = moved(slots[2][v], set, rate[v], 10) << 10 |
                               select(less < LEAST_RATE, all(LEAST_RATE), less);
            memcpy(places + WIDTH * v, &at_near[v], sizeof value);
            memcpy(values + WIDTH * v, &value, sizeof value);
        }
        for (size_t lane = first; lane <= last; lane++) /* of those of one pattern the last one stays */
            s->near[places[ROWS - 1 - lane]] = (uint32_t)values[ROWS - 1 - lane];
        RC_UNROLL for (size_t t = 0; t < 3; t++)
            s->weights[t] = cut_weight(s->weights[t] + ((SUM(slope[t]) + (1 << 15)) >> 16));
    }
    s->interval = c.interval;
    if (!decoding)
        s->interval.position = c.written;
    return RC_OK;
}

TARGET int ENCODE(size_t begin, size_t end, size_t m, size_t k, unsigned alphabet, const uint8_t *codes,
                  int32_t *columns, struct rc_rangecoder_lanes *state, uint8_t *bytes)
{
    return run_rows(0, begin, end, m, k, alphabet, (uint8_t *)codes, columns, state, 0, bytes);
}

TARGET int DECODE(size_t begin, size_t end, size_t m, size_t k, unsigned alphabet, size_t n, const uint8_t *bytes,
                  int32_t *columns, struct rc_rangecoder_lanes *state, uint8_t *codes)
{
    return run_rows(1, begin, end, m, k, alphabet, codes, columns, state, n, (uint8_t *)bytes);
}
