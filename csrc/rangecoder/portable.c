/* The adaptive binary range coder: reference/rangecoder/ step for step, in integers, so that every bit is the
 * same. One model serves encoder and decoder; what differs is where a bit comes from. A chain from bit to bit leaves
 * nothing to vectors. */
#include "../kernels.h"

enum {
    LIMIT = 60,             /* of the bits that a slot has seen: it goes on forgetting, by 1 / (LIMIT + 1.5) */
    FIRST_WEIGHT = 65536 / RC_RANGECODER_CONTEXTS, /* at first the mean of the logits */
    HIGHEST_WEIGHT = 1 << 24, /* a step is below 2^10: no bytes, whatever they say, overflow a weight */
    LOWEST = 24,            /* of a flag's probability; ONE - LOWEST the highest */
    LOWEST_IN_TREE = 64,    /* of a value's bit */
    MOST_COUNTED = 20,      /* in a column: bucket tells no more apart, neither of one column nor of two */
    RATE = 2,               /* of learning, in 2^-18 of logit * error */
};

/* A probability is a number of 1 / ONE; that of a slot stays where no later product or quotient needs more than 32
 * bits. */
enum { ONE = 1 << 16, LEAST_SLOT = 16, MOST_SLOT = ONE - 1 - LEAST_SLOT };

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

RC_INLINE int32_t within(int32_t p, int32_t lowest)
{
    return p < lowest ? lowest : p > ONE - lowest ? ONE - lowest : p;
}

/* 1 / (2 n + 3) in units of 2^-32, just above it, for n = 0 .. LIMIT: a product takes a part of the time of a quotient.
 * The product with a number of at most 2^17 is above the true quotient by less than 2^-14, and that is no integer, or at
 * least 1 / 123 below the next one: rounded down, both are the same. */
#define R(n) (uint32_t)((1ull << 32) / (2 * (n) + 3) + 1)
#define R4(n) R(n), R((n) + 1), R((n) + 2), R((n) + 3)
#define R20(n) R4(n), R4((n) + 4), R4((n) + 8), R4((n) + 12), R4((n) + 16)
static const uint32_t reciprocals[LIMIT + 1] = {R20(0), R20(20), R20(40), R(60)};

RC_INLINE void update(struct rc_rangecoder_slot *slot, int32_t bit)
{
    /* What is missing, twice, by 2 n + 3, rounded towards zero; n is at most LIMIT. */
    const uint32_t missing = bit ? (uint32_t)ONE - slot->p : slot->p;
    const int32_t move = (int32_t)((uint64_t)(2 * missing) * reciprocals[slot->n] >> 32);
    const int32_t p = bit ? slot->p + move : slot->p - move;
    slot->p = (uint16_t)(p < LEAST_SLOT ? LEAST_SLOT : p > MOST_SLOT ? MOST_SLOT : p);
    slot->n = (uint8_t)(slot->n < LIMIT ? slot->n + 1 : LIMIT);
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

static const struct rc_rangecoder_slot fresh = {ONE / 2, 0, 0};

static void begin_model(struct rc_rangecoder *s, size_t k, struct rc_rangecoder_slot *columns)
{
    s->low = s->value = 0;
    s->high = 0xFFFFFFFF;
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
                            struct rc_rangecoder_slot *columns, struct rc_rangecoder_slot *slots[RC_RANGECODER_CONTEXTS])
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

/* Split the interval at the probability p of a one; the bit is given (encoding), or follows from the value
 * (decoding). */
RC_INLINE int32_t step(struct rc_rangecoder *s, int32_t p, int32_t bit, int decoding)
{
    const uint32_t middle = s->low + (uint32_t)((uint64_t)(s->high - s->low) * (uint64_t)p >> 16);
    if (decoding)
        bit = s->value <= middle;
    if (bit)
        s->high = middle;
    else
        s->low = middle + 1;
    return bit;
}

RC_INLINE size_t write_bytes(struct rc_rangecoder *s, uint8_t *bytes, size_t count)
{
    while (((s->low ^ s->high) >> 24) == 0) {
        bytes[count++] = (uint8_t)(s->low >> 24);
        s->low <<= 8;
        s->high = s->high << 8 | 255;
    }
    return count;
}

RC_INLINE void read_bytes(struct rc_rangecoder *s, const uint8_t *bytes, size_t n)
{
    while (((s->low ^ s->high) >> 24) == 0) {
        s->low <<= 8;
        s->high = s->high << 8 | 255;
        s->value = s->value << 8 | (s->position < n ? bytes[s->position] : 0);
        s->position++;
    }
}

/* What the coder has of a call: with decoding set (a constant), codes are written and bytes read, else the other way
 * round. */
struct coder {
    struct rc_rangecoder *s;
    uint8_t *bytes;
    size_t n, written; /* bytes to be read; bytes written */
};

/* Code one bit of probability p; it is given (encoding), or follows from the value (decoding). Returns it. */
RC_INLINE int32_t code_bit(const int decoding, struct coder *c, int32_t p, int32_t bit)
{
    bit = step(c->s, p, bit, decoding);
    if (decoding)
        read_bytes(c->s, c->bytes, c->n);
    else
        c->written = write_bytes(c->s, c->bytes, c->written);
    return bit;
}

/* The flag at a place, coded with the mixture of its slots, from which these and their weights then learn. */
RC_INLINE int32_t code_flag(const int decoding, struct coder *c, const int16_t *stretch, int32_t *weights,
                            struct rc_rangecoder_slot **slots, int32_t flag)
{
    int32_t logits[RC_RANGECODER_CONTEXTS];
    int64_t sum = 0;
    for (size_t t = 0; t < RC_RANGECODER_CONTEXTS; t++) {
        logits[t] = stretch[slots[t]->p >> 4];
        sum += (int64_t)weights[t] * logits[t];
    }
    const int32_t p = within(squash(sum >> 16), LOWEST); /* gcc and clang shift negative numbers arithmetically */
    flag = code_bit(decoding, c, p, flag);
    const int64_t error = (int64_t)(flag * ONE - p) * RATE;
    for (size_t t = 0; t < RC_RANGECODER_CONTEXTS; t++) {
        const int32_t weight = weights[t] + (int32_t)((logits[t] * error + (1 << 17)) >> 18);
        weights[t] = weight < -HIGHEST_WEIGHT ? -HIGHEST_WEIGHT : weight > HIGHEST_WEIGHT ? HIGHEST_WEIGHT : weight;
        update(slots[t], flag);
    }
    update(&c->s->overall, flag);
    return flag;
}

/* A code that is not 0, less 1, in `depth` bits from the highest: each has its slot in a tree. */
RC_INLINE unsigned code_value(const int decoding, struct coder *c, unsigned depth, unsigned value)
{
    unsigned node = 1;
    for (unsigned place = depth; place-- > 0;) {
        struct rc_rangecoder_slot *const slot = &c->s->tree[node];
        const int32_t bit = code_bit(decoding, c, within(slot->p, LOWEST_IN_TREE), value >> place & 1);
        update(slot, bit);
        node = 2 * node + (unsigned)bit;
    }
    return node - (1u << depth);
}

/* One template for both. */
RC_INLINE int run(const int decoding, size_t begin, size_t end, size_t k, unsigned alphabet, const int16_t *stretch,
                  uint8_t *codes, struct rc_rangecoder_slot *columns, struct rc_rangecoder *s, size_t n, uint8_t *bytes)
{
    struct coder c = {s, bytes, n, 0};
    unsigned depth = 0;
    while (alphabet > 2 && (1u << depth) < alphabet - 1)
        depth++;
    if (begin == 0) {
        begin_model(s, k, columns);
        s->position = 0;
        if (decoding)
            for (; s->position < 4; s->position++)
                s->value = s->value << 8 | (s->position < n ? bytes[s->position] : 0);
    }
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
        if (code_flag(decoding, &c, stretch, weights, slots, given != 0)) {
            slots[0]->count = (uint8_t)(slots[0]->count < MOST_COUNTED ? slots[0]->count + 1 : MOST_COUNTED);
            s->in_row++;
            code = code_value(decoding, &c, depth, given - 1) + 1;
            if (code >= alphabet)
                return RC_CORRUPT;
        }
        if (decoding) {
            codes[cell] = (uint8_t)code;
            if (s->position > n + 4) /* more than the zeros behind the last byte: some that were written are missing */
                return RC_CORRUPT;
        }
    }
    if (!decoding)
        s->position = c.written;
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
