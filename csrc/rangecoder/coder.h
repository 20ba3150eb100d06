/* What both models of the coder share: the interval and its bytes, the slots, and the tree of values. Inline functions:
 * `decoding` is a constant, and says where a bit comes from. */
#include "../kernels.h"

/* A probability is a number of 1 / ONE; that of a slot stays where no later product or quotient needs more than 32
 * bits. */
enum { ONE = 1 << 16, LEAST_SLOT = 16, MOST_SLOT = ONE - 1 - LEAST_SLOT };

enum {
    LIMIT = 60,          /* of the bits that a slot has seen: it goes on forgetting, by 1 / (LIMIT + 1.5) */
    LOWEST_IN_TREE = 64, /* of the probability of a value's bit */
};

static const struct rc_rangecoder_slot fresh = {ONE / 2, 0, 0};

RC_INLINE int32_t within(int32_t p, int32_t lowest)
{
    return p < lowest ? lowest : p > ONE - lowest ? ONE - lowest : p;
}

/* 1 / (2 n + 3) in units of 2^-32, just above it, for n = 0 .. LIMIT: a product takes a part of the time of a quotient.
 * The product with a number of at most 2^17 is above the true quotient by less than 2^-14, and that is no integer, or
 * at least 1 / 123 below the next one: rounded down, both are the same. */
#define R(n) (uint32_t)((1ull << 32) / (2 * (n) + 3) + 1)
#define R4(n) R(n), R((n) + 1), R((n) + 2), R((n) + 3)
#define R20(n) R4(n), R4((n) + 4), R4((n) + 8), R4((n) + 12), R4((n) + 16)
static const uint32_t reciprocals[LIMIT + 1] = {R20(0), R20(20), R20(40), R(60)};

RC_INLINE void update(struct rc_rangecoder_slot *slot, int32_t bit)
{
    /* What is missing, twice, by 2 n + 3, rounded towards zero; n is at most LIMIT. */
    const int32_t zero = bit - 1; /* no branch: a value's bits are guessed wrong every other time */
    const uint32_t missing = (uint32_t)((ONE & ~zero) - slot->p) ^ (uint32_t)zero;
    const int32_t move = (int32_t)((uint64_t)(2 * (missing - (uint32_t)zero)) * reciprocals[slot->n] >> 32);
    const int32_t p = slot->p + ((move ^ zero) - zero);
    slot->p = (uint16_t)(p < LEAST_SLOT ? LEAST_SLOT : p > MOST_SLOT ? MOST_SLOT : p);
    slot->n = (uint8_t)(slot->n < LIMIT ? slot->n + 1 : LIMIT);
}

/* The least depth of a tree that has a leaf for each code above 0. */
RC_INLINE unsigned depth_of(unsigned alphabet)
{
    unsigned depth = 0;
    while (alphabet > 2 && (1u << depth) < alphabet - 1)
        depth++;
    return depth;
}

/* Split the interval at the probability p of a one; the bit is given (encoding), or follows from the value
 * (decoding). From one bit to the next there are a product, a shift and a difference: so what is kept is not where the
 * interval ends, but how long it is, and where in it the value lies. `even` is for bits that are guessed wrong every
 * other time: no branch. */
RC_INLINE int32_t step(const int decoding, const int even, struct rc_rangecoder_interval *s, int32_t p, int32_t bit)
{
    const uint32_t below = (uint32_t)((uint64_t)s->range * (uint64_t)p >> 16);
    if (decoding)
        bit = s->offset <= below;
    if (even) {
        const uint32_t one = 0u - (uint32_t)bit, skipped = (below + 1) & ~one;
        s->low += skipped;
        s->offset -= skipped;
        s->range = (below & one) | ((s->range - skipped) & ~one);
    } else if (bit) {
        s->range = below;
    } else {
        s->low += below + 1;
        s->offset -= below + 1;
        s->range -= below + 1;
    }
    return bit;
}

/* Whether the highest bytes of both ends agree. */
RC_INLINE int settled(const struct rc_rangecoder_interval *s)
{
    return ((s->low ^ (s->low + s->range)) >> 24) == 0;
}

RC_INLINE void widen(struct rc_rangecoder_interval *s)
{
    s->low <<= 8;
    s->range = s->range << 8 | 255;
}

RC_INLINE size_t write_bytes(struct rc_rangecoder_interval *s, uint8_t *bytes, size_t count)
{
    for (; settled(s); widen(s))
        bytes[count++] = (uint8_t)(s->low >> 24);
    return count;
}

RC_INLINE void next_byte(struct rc_rangecoder_interval *s, const uint8_t *bytes, size_t n)
{
    s->offset = s->offset << 8 | (s->position < n ? bytes[s->position] : 0);
    s->position++;
}

RC_INLINE void read_bytes(struct rc_rangecoder_interval *s, const uint8_t *bytes, size_t n)
{
    for (; settled(s); widen(s))
        next_byte(s, bytes, n);
}

RC_INLINE void begin_interval(const int decoding, struct rc_rangecoder_interval *s, const uint8_t *bytes, size_t n)
{
    *s = (struct rc_rangecoder_interval){0, 0xFFFFFFFF, 0, 0};
    while (decoding && s->position < 4)
        next_byte(s, bytes, n);
}

/* What the coder has of a call: with decoding set (a constant), codes are written and bytes read, else the other way
 * round. */
struct coder {
    struct rc_rangecoder_interval interval;
    struct rc_rangecoder_slot *tree;
    uint8_t *bytes;
    size_t n, written; /* bytes to be read; bytes written */
};

/* Code one bit of probability p; it is given (encoding), or follows from the value (decoding). Returns it. */
RC_INLINE int32_t code_bit(const int decoding, const int even, struct coder *c, int32_t p, int32_t bit)
{
    bit = step(decoding, even, &c->interval, p, bit);
    if (decoding)
        read_bytes(&c->interval, c->bytes, c->n);
    else
        c->written = write_bytes(&c->interval, c->bytes, c->written);
    return bit;
}

/* A code that is not 0, less 1, in `depth` bits from the highest: each has its slot in a tree. */
RC_INLINE unsigned code_value(const int decoding, struct coder *c, unsigned depth, unsigned value)
{
    unsigned node = 1;
    for (unsigned place = depth; place-- > 0;) {
        struct rc_rangecoder_slot *const slot = &c->tree[node];
        const int32_t bit = code_bit(decoding, 1, c, within(slot->p, LOWEST_IN_TREE), value >> place & 1);
        update(slot, bit);
        node = 2 * node + (unsigned)bit;
    }
    return node - (1u << depth);
}
