/* The adaptive binary range coder: reference/rangecoder/ step for step, in integers, so that every bit is the
 * same. One model serves encoder and decoder; what differs is where a bit comes from. A chain from bit to bit leaves
 * nothing to vectors. */
#include "coder.h"

enum {
    FIRST_WEIGHT = 65536 / RC_RANGECODER_CONTEXTS, /* at first the mean of the logits */
    HIGHEST_WEIGHT = 1 << 24, /* a step is below 2^10: no bytes, whatever they say, overflow a weight */
    LOWEST = 24,            /* of a flag's probability; ONE - LOWEST the highest */
    MOST_COUNTED = 20,      /* in a column: bucket tells no more apart, neither of one column nor of two */
    RATE = 2,               /* of learning, in 2^-18 of logit * error */
};

/* Where the tables of slots begin in struct rc_rangecoder, and by what each is looked up. */
enum {
    SIZES = RC_RANGECODER_BUCKETS, /* of a count: bucket() */
    LENGTHS = 16,                  /* of a row or column number: magnitude() */
    NEAR = 0,                      /* by the six neighbours, each of which is zero or not */
    BY_COLUMN = NEAR + (1 << 6),   /* by the count in this column, and how many rows there were */
    BY_ROW = BY_COLUMN + SIZES * LENGTHS,    /* by the count in this row, and how many columns there were */
    BESIDE = BY_ROW + SIZES * LENGTHS,       /* by the count in this column (4 sizes), beside it, and the rows (8) */
    TWO_COUNTS = BESIDE + 4 * SIZES * 8,     /* by these two counts */
    END_OF_TABLES = TWO_COUNTS + SIZES * SIZES,
};
_Static_assert((int)END_OF_TABLES == (int)RC_RANGECODER_TABLES, "the tables fill their array");

/* 65536 / (1 + exp(-i / 2)) for i = -16 .. 16, rounded. */
static const int32_t anchors[33] = {
    22,    36,    60,    98,    162,   267,   439,   720,   1179,  1921,  3108,  4971,
    7812,  11955, 17625, 24743, 32768,
    40793, 47911, 53581, 57724, 60565, 62428, 63615, 64357, 64816, 65097, 65269, 65374, 65438, 65476, 65500, 65514,
};

RC_INLINE int32_t squash(int64_t logit)
{
    const int32_t at = (int32_t)(logit < -2047 ? -2047 : logit > 2047 ? 2047 : logit) + 2048;
    const int32_t f = at & 127;
    return (anchors[at >> 7] * (128 - f) + anchors[(at >> 7) + 1] * f + 64) >> 7;
}

RC_INLINE size_t bucket(uint32_t count)
{
    return rc_min(count, 4) + (size_t)(count >= 6) + (size_t)(count >= 10) + (size_t)(count >= 20);
}

/* min(floor(log2(n)), 15), n >= 1 */
RC_INLINE size_t magnitude(size_t n)
{
    return rc_min(63 - (size_t)__builtin_clzll(n), 15);
}

static void begin_model(struct rc_rangecoder *s, size_t k, struct rc_rangecoder_slot *columns)
{
    s->overall = fresh;
    for (size_t t = 0; t < RC_RANGECODER_BUCKETS; t++)
        for (size_t c = 0; c < RC_RANGECODER_CONTEXTS; c++)
            s->weights[t][c] = FIRST_WEIGHT;
    for (size_t t = 0; t < RC_RANGECODER_TABLES; t++)
        s->tables[t] = fresh;
    for (size_t t = 0; t < RC_RANGECODER_TREE; t++)
        s->tree[t] = fresh;
    for (size_t j = 0; columns && j < k; j++)
        columns[j] = fresh;
}

/* The slots that contribute to the flag at a place, in the order of the reference's; unseen ones take the overall
 * probability. Returns the size of the count in its column, which says what weights they have. */
RC_INLINE size_t find_slots(struct rc_rangecoder *s, size_t i, size_t j, size_t k, const uint8_t *codes,
                            struct rc_rangecoder_slot *columns,
                            struct rc_rangecoder_slot *slots[RC_RANGECODER_CONTEXTS])
{
    const uint8_t *const here = codes + i * k;
    const uint8_t *const above = i > 0 ? here - k : NULL, *const above2 = i > 1 ? above - k : NULL;
    size_t near = 0;
    if (j > 0)
        near |= (size_t)(here[j - 1] != 0);
    if (j > 1)
        near |= (size_t)(here[j - 2] != 0) << 1;
    if (i > 0) {
        near |= (size_t)(above[j] != 0) << 2;
        if (j > 0)
            near |= (size_t)(above[j - 1] != 0) << 4;
        if (j + 1 < k)
            near |= (size_t)(above[j + 1] != 0) << 5;
    }
    if (i > 1)
        near |= (size_t)(above2[j] != 0) << 3;
    size_t own = 0, beside = near & 1;
    if (columns) {
        own = bucket(columns[j].count);
        beside = bucket((j > 0 ? columns[j - 1].count : 0u) + (j + 1 < k ? columns[j + 1].count : 0u));
        slots[0] = &columns[j];
    } else { /* in a first row every column is new, and nothing counted but beside it */
        s->column = fresh;
        slots[0] = &s->column;
    }
    const size_t rows = magnitude(i + 1);
    slots[1] = &s->line;
    slots[2] = &s->tables[NEAR + near];
    slots[3] = &s->tables[BY_COLUMN + own * LENGTHS + rows];
    slots[4] = &s->tables[BY_ROW + bucket(s->in_row) * LENGTHS + magnitude(j + 1)];
    slots[5] = &s->tables[BESIDE + rc_min(own, 3) * SIZES * 8 + beside * 8 + rc_min(rows, 7)];
    slots[6] = &s->tables[TWO_COUNTS + beside * SIZES + own];
    for (size_t t = 0; t < RC_RANGECODER_CONTEXTS; t++)
        if (slots[t]->n == 0)
            slots[t]->p = s->overall.p;
    return own;
}

/* The flag at a place, coded with the mixture of its slots, from which these and their weights then learn. */
RC_INLINE int32_t code_flag(const int decoding, struct coder *c, struct rc_rangecoder *s, const int16_t *stretch,
                            int32_t *weights, struct rc_rangecoder_slot **slots, int32_t flag)
{
    int32_t logits[RC_RANGECODER_CONTEXTS];
    int64_t sum = 0;
    for (size_t t = 0; t < RC_RANGECODER_CONTEXTS; t++) {
        logits[t] = stretch[slots[t]->p >> 4];
        sum += (int64_t)weights[t] * logits[t];
    }
    const int32_t p = within(squash(sum >> 16), LOWEST); /* gcc and clang shift negative numbers arithmetically */
    flag = code_bit(decoding, 0, c, p, flag);
    const int64_t error = (int64_t)(flag * ONE - p) * RATE;
    for (size_t t = 0; t < RC_RANGECODER_CONTEXTS; t++) {
        const int32_t weight = weights[t] + (int32_t)((logits[t] * error + (1 << 17)) >> 18);
        weights[t] = weight < -HIGHEST_WEIGHT ? -HIGHEST_WEIGHT : weight > HIGHEST_WEIGHT ? HIGHEST_WEIGHT : weight;
        update(slots[t], flag);
    }
    update(&s->overall, flag);
    return flag;
}

/* One template for both. */
RC_INLINE int run(const int decoding, size_t begin, size_t end, size_t k, unsigned alphabet, const int16_t *stretch,
                  uint8_t *codes, struct rc_rangecoder_slot *columns, struct rc_rangecoder *s, size_t n, uint8_t *bytes)
{
    const unsigned depth = depth_of(alphabet);
    if (begin == 0) {
        begin_model(s, k, columns);
        begin_interval(decoding, &s->interval, bytes, n);
    }
    struct coder c = {s->interval, s->tree, bytes, n, 0};
    size_t i = begin / k, j = begin % k; /* once, for a quotient takes long */
    for (size_t cell = begin; cell < end; cell++, j++) {
        if (j == k) {
            j = 0;
            i++;
        }
        if (j == 0) {
            s->line = fresh;
            s->in_row = 0;
        }
        struct rc_rangecoder_slot *slots[RC_RANGECODER_CONTEXTS];
        int32_t *const weights = s->weights[find_slots(s, i, j, k, codes, columns, slots)];
        const unsigned given = decoding ? 0 : codes[cell];
        unsigned code = 0;
        if (code_flag(decoding, &c, s, stretch, weights, slots, given != 0)) {
            slots[0]->count = (uint8_t)(slots[0]->count < MOST_COUNTED ? slots[0]->count + 1 : MOST_COUNTED);
            s->in_row++;
            code = code_value(decoding, &c, depth, given - 1) + 1;
            if (code >= alphabet)
                return RC_CORRUPT;
        }
        if (decoding) {
            codes[cell] = (uint8_t)code;
            if (c.interval.position > n + 4) /* more than the zeros behind the last byte: some are missing */
                return RC_CORRUPT;
        }
    }
    s->interval = c.interval;
    if (!decoding)
        s->interval.position = c.written;
    return RC_OK;
}

int rc_rangecoder_encode_portable(size_t begin, size_t end, size_t k, unsigned alphabet, const int16_t *stretch,
                                  const uint8_t *codes, struct rc_rangecoder_slot *columns,
                                  struct rc_rangecoder *state, uint8_t *bytes)
{
    return run(0, begin, end, k, alphabet, stretch, (uint8_t *)codes, columns, state, 0, bytes);
}

int rc_rangecoder_decode_portable(size_t begin, size_t end, size_t k, unsigned alphabet, const int16_t *stretch,
                                  size_t n, const uint8_t *bytes, struct rc_rangecoder_slot *columns,
                                  struct rc_rangecoder *state, uint8_t *codes)
{
    return run(1, begin, end, k, alphabet, stretch, codes, columns, state, n, (uint8_t *)bytes);
}
