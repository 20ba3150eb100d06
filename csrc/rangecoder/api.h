/* The kernels of rangecoder, as Python sees them: a part of refcompress.h. */
/* The rangecoder family is one chain too: its ranges are of codes, row by row, gone through in order; the first one
 * prepares the state. stretch : the 4096 logits of probabilities, reference/rangecoder/model.py. Workspace: columns, k
 * of them, or NULL where there is one row; state. */
enum {
    RC_RANGECODER_CONTEXTS = 7, /* slots that contribute to the probability of a flag */
    RC_RANGECODER_BUCKETS = 8,  /* sizes of a count, and so sets of weights */
    RC_RANGECODER_TABLES = 640, /* slots of all tables: rangecoder/portable.c lists them */
    RC_RANGECODER_TREE = 256,   /* nodes of the tree of values */
};

struct rc_rangecoder_slot {
    uint16_t p; /* the probability of a one, in 1 / 65536 */
    uint8_t n;  /* the bits that it has seen, up to 60 */
    uint8_t count; /* a column's: the codes in it that are not 0, up to 20 */
};

struct rc_rangecoder_interval {
    uint32_t low, range; /* from low to low + range */
    uint32_t offset;     /* decoding: where the next four bytes lie, from low on */
    uint64_t position; /* encoding: the bytes that this range wrote; decoding: those taken, past the end too */
};

struct rc_rangecoder {
    struct rc_rangecoder_interval interval;
    uint32_t in_row; /* codes that are not 0 in this row */
    int32_t weights[RC_RANGECODER_BUCKETS][RC_RANGECODER_CONTEXTS];
    struct rc_rangecoder_slot overall, line, column;
    struct rc_rangecoder_slot tables[RC_RANGECODER_TABLES], tree[RC_RANGECODER_TREE];
};

/* codes below alphabet (2 to 256, or 1) to bytes: those of this range, at most 12 a code and 4. What is left in low and
 * range ends the sequence. */
typedef int rc_rangecoder_encode(size_t begin, size_t end, size_t k, unsigned alphabet, const int16_t *stretch,
                                 const uint8_t *codes, struct rc_rangecoder_slot *columns, struct rc_rangecoder *state,
                                 uint8_t *bytes);

/* n bytes to codes; RC_CORRUPT where a code is not below alphabet, or needs bytes beyond the last that the encoder
 * wrote. Whether the last ones are those that end a sequence is left to the caller. */
typedef int rc_rangecoder_decode(size_t begin, size_t end, size_t k, unsigned alphabet, const int16_t *stretch,
                                 size_t n, const uint8_t *bytes, struct rc_rangecoder_slot *columns,
                                 struct rc_rangecoder *state, uint8_t *codes);

/* Sixteen rows side by side: reference/rangecoder/lanes.py. A range is of steps, m / 16 rounded up times k + 30 of
 * them; a step has at most one code of each of sixteen rows. Workspace: columns, 2 * (k / 2 + 32); state. */
enum {
    RC_RANGECODER_LANES = 16,
    RC_RANGECODER_NEAR = 64, /* patterns of six neighbours */
};

struct rc_rangecoder_lanes {
    struct rc_rangecoder_interval interval;
    int32_t weights[3];
    uint32_t history[4]; /* which lanes had a code above 0: in the step before, in the one before that, ... */
    int32_t line[RC_RANGECODER_LANES]; /* the highest lane first, as in every vector */
    uint32_t near[RC_RANGECODER_NEAR]; /* a probability in 22 bits, above a rate in 10 */
    struct rc_rangecoder_slot tree[RC_RANGECODER_TREE];
};

/* As rc_rangecoder_encode; at most 256 bytes a step and 4. */
typedef int rc_rangecoder_encode_rows(size_t begin, size_t end, size_t m, size_t k, unsigned alphabet,
                                      const uint8_t *codes, int32_t *columns, struct rc_rangecoder_lanes *state,
                                      uint8_t *bytes);

/* As rc_rangecoder_decode. The codes are 0 before the first range: only others are written. */
typedef int rc_rangecoder_decode_rows(size_t begin, size_t end, size_t m, size_t k, unsigned alphabet, size_t n,
                                      const uint8_t *bytes, int32_t *columns, struct rc_rangecoder_lanes *state,
                                      uint8_t *codes);
