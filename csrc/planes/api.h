/* The kernels of planes, as Python sees them: a part of refcompress.h. */
/* Unsigned integers of size bytes (2, 4 or 8) to as many planes of a byte an element, for the elements of the range,
 * and back: plane 0 has the highest byte of each, after its bits were turned. RC_PLANES_ROTATE : by one to the left, so
 * that the highest comes lowest. RC_PLANES_FOLD : the integers of two's complement 0, -1, 1, -2, ... to 0, 1, 2, 3,
 * ... */
enum rc_planes_turn {
    RC_PLANES_AS_IT_IS = 0,
    RC_PLANES_ROTATE = 1,
    RC_PLANES_FOLD = 2,
};
typedef int rc_planes_split(size_t begin, size_t end, size_t size, enum rc_planes_turn turn, const void *patterns,
                            uint8_t *const *planes);
typedef int rc_planes_join(size_t begin, size_t end, size_t size, enum rc_planes_turn turn,
                           const uint8_t *const *planes, void *patterns);

/* What the two kernels below work in: tables of one stream. */
struct rc_planes_work {
    uint64_t counts[5][256], weights[3 * 256]; /* counts of all symbols, and of each unit of 2^16 */
    uint32_t table[1 << 15];
    struct rc_huffman_lanes lanes;
    uint16_t order[256], codes[256];
    uint8_t kinds[2 * 256 * 15], lengths[256], read_lengths[4][256];
};

/* A run of count elements (one to 2^18, of 1, 2, 4 or 8 bytes) to the streams of its planes, one after the other, each
 * in the coder that takes the fewest bytes; and back. An element of a byte is a plane as it is. blocks : whether a
 * stream may be cut into blocks. *used : the bytes written or read. `strict` refuses what an encoder would not write
 * (RC_CORRUPT); what breaks another rule is refused in any case. Workspace: work; planes, size * count; words, count +
 * 2 * the lanes of a Huffman stream of so many symbols. data has size * (1 + count) + 16 bytes to be written. */
typedef int rc_planes_encode(size_t count, size_t size, enum rc_planes_turn turn, int blocks, const void *patterns,
                             struct rc_planes_work *work, uint8_t *planes, uint16_t *words, uint8_t *data,
                             size_t *used);
typedef int rc_planes_decode(size_t count, size_t size, enum rc_planes_turn turn, int blocks, int strict, size_t n_data,
                             const uint8_t *data, struct rc_planes_work *work, uint8_t *planes, uint16_t *words,
                             void *patterns, size_t *used);
