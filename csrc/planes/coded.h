/* Template of planes as streams of bytes. Included after these were defined:
 *
 * SPLIT, JOIN                          the kernels of planes that it uses
 * HUFFMAN_ENCODE, HUFFMAN_DECODE       the kernels of huffman that it uses
 * HUFFMAN_DECODE_COUNTED               if there is one: decodes, and counts the symbols of each unit meanwhile
 * PLANES_ENCODE, PLANES_DECODE         the functions' names
 *
 * What takes time is done by these kernels. Here is what they are put together by; chosen.h says which coder takes the
 * fewest bytes, and bytes.h has the bytes around the words (FORMAT.md, "Streams").
 */
#include "chosen.h"

/* ---- encoding ---- */

/* Write a stream without blocks, of one symbol or more, at most 1 + count bytes; *to is moved behind it. */
static int encode_alone(size_t count, const uint64_t *counts, const uint8_t *symbols, struct rc_planes_work *work,
                        uint16_t *words, uint8_t **to)
{
    struct choice made;
    const size_t lanes = lanes_of(count);
    int status = choose(count, counts, symbols, NULL, NULL, work, &made);
    if (status != RC_OK)
        return status;
    uint8_t *at = *to;
    *to += made.size;
    *at++ = (uint8_t)made.coder;
    if (made.coder == BYTE) {
        memcpy(at, symbols, count);
    } else if (made.coder < BYTE) {
        pack(count, made.coder, symbols, at);
    } else {
        status = HUFFMAN_ENCODE(0, (count + lanes - 1) / lanes, count, lanes, made.alphabet, work->lengths, work->codes,
                                made.longest, 0, symbols, work->table, &work->lanes, words);
        at = put_integer(at, made.alphabet);
        for (size_t i = 0; i < made.alphabet; i += 2)
            *at++ = (uint8_t)(work->lengths[i] | (i + 1 < made.alphabet ? work->lengths[i + 1] << 4 : 0));
        at = put_integer(at, made.words);
        put_words(made.words, words, at);
    }
    return status;
}

/* Write a stream of one symbol or more, in blocks where that takes fewer bytes; *to is moved behind it. */
static int encode_stream(size_t count, int blocks, const uint8_t *symbols, struct rc_planes_work *work, uint16_t *words,
                         uint8_t **to)
{
    int64_t ends[UNITS];
    memset(work->counts, 0, sizeof work->counts);
    count_units(count, symbols, work->counts + 1);
    const size_t n = cut(count, blocks, work, ends);
    if (n > 1) {
        struct choice whole;
        int status = choose(count, work->counts[0], symbols, NULL, NULL, work, &whole);
        uint8_t *at = *to;
        *at++ = BLOCKS;
        *at++ = (uint8_t)n;
        for (size_t i = 0, begin = 0; i + 1 < n; begin = (size_t)ends[i++])
            *at++ = (uint8_t)(((size_t)ends[i] - begin) / RC_UNIT);
        for (size_t i = 0, begin = 0; i < n && status == RC_OK; begin = (size_t)ends[i++])
            status = encode_alone((size_t)ends[i] - begin, counts_of_block(begin, (size_t)ends[i], work),
                                  symbols + begin, work, words, &at);
        if (status != RC_OK)
            return status;
        if ((size_t)(at - *to) < whole.size) {
            *to = at;
            return RC_OK;
        }
    }
    return encode_alone(count, work->counts[0], symbols, work, words, to);
}

int PLANES_ENCODE(size_t count, size_t size, enum rc_planes_turn turn, int blocks, const void *patterns,
                  struct rc_planes_work *work, uint8_t *planes, uint16_t *words, uint8_t *data, size_t *used)
{
    const uint8_t *plane[PLANES] = {0};
    uint8_t *cut_to[PLANES] = {0}, *to = data;
    for (size_t i = 0; i < size; i++)
        plane[i] = cut_to[i] = planes + i * count;
    if (size == 1)
        plane[0] = patterns;
    else
        SPLIT(0, count, size, turn, patterns, cut_to);
    for (size_t i = 0; i < size; i++) {
        const int status = encode_stream(count, blocks, plane[i], work, words, &to);
        if (status != RC_OK)
            return status;
    }
    *used = (size_t)(to - data);
    return RC_OK;
}

/* ---- decoding ---- */

/* Whether code lengths fill the code space: the sum of 2^-length is 1, or one symbol alone has a length, of 1. */
static int fills(size_t alphabet, const uint8_t *lengths, unsigned *longest)
{
    uint32_t sum = 0, used = 0;
    *longest = 0;
    for (size_t i = 0; i < alphabet; i++) {
        sum += lengths[i] ? 1u << (MOST_LENGTH - lengths[i]) : 0;
        used += lengths[i] != 0;
        if (lengths[i] > *longest)
            *longest = lengths[i];
    }
    return sum == 1u << MOST_LENGTH || (used == 1 && *longest == 1);
}

/* Read what stands before the words of a Huffman stream. */
static int read_code(struct bytes_left *left, uint8_t *lengths, struct choice *read)
{
    read->alphabet = take_integer(left);
    if (!left->at || read->alphabet < 1 || read->alphabet > 256)
        return RC_CORRUPT;
    const uint8_t *table = take(left, (read->alphabet + 1) / 2);
    if (!table)
        return RC_CORRUPT;
    for (size_t i = 0; i < read->alphabet; i++)
        lengths[i] = table[i / 2] >> i % 2 * 4 & 15;
    if ((read->alphabet % 2 && table[read->alphabet / 2] >> 4) || !fills(read->alphabet, lengths, &read->longest))
        return RC_CORRUPT;
    read->words = take_integer(left);
    return left->at ? RC_OK : RC_CORRUPT;
}

/* Read a stream without blocks, of one symbol or more, whose coder was read; *plane is where they are: in `symbols`, or
 * among the bytes themselves. counts : those of each unit are added there, or NULL */
static int decode_alone(size_t count, struct bytes_left *left, struct choice *read, uint8_t *lengths,
                        struct rc_planes_work *work, uint16_t *words, uint8_t *symbols, const uint8_t **plane,
                        uint64_t (*counts)[256])
{
    const size_t lanes = lanes_of(count);
    *plane = symbols;
    if (read->coder <= BYTE) {
        const uint8_t *packed = take(left, (count * read->coder + 7) / 8);
        if (!packed)
            return RC_CORRUPT;
        if (read->coder == BYTE)
            *plane = packed;
        else if (!unpack(count, read->coder, packed, symbols))
            return RC_CORRUPT;
        if (counts)
            count_units(count, *plane, counts);
        return RC_OK;
    }
    if (read->coder != HUFFMAN || read_code(left, lengths, read) != RC_OK)
        return RC_CORRUPT;
    /* A symbol takes a bit at least and 15 at most, and a lane less than two words more. */
    if (read->words > count + 2 * lanes || count > 16 * read->words)
        return RC_CORRUPT;
    const uint8_t *from = take(left, 2 * read->words);
    if (!from)
        return RC_CORRUPT;
    take_words(read->words, from, words);
    rc_huffman_code_portable(read->alphabet, lengths, work->codes);
#ifdef HUFFMAN_DECODE_COUNTED
    if (counts)
        return HUFFMAN_DECODE_COUNTED(count, lanes, read->alphabet, lengths, work->codes, read->longest, read->words,
                                      words, work->table, &work->lanes, symbols, counts);
#endif
    const int status =
        HUFFMAN_DECODE(0, (count + lanes - 1) / lanes, count, lanes, read->alphabet, lengths, work->codes,
                       read->longest, read->words, words, work->table, &work->lanes, 0, symbols);
    if (counts && status == RC_OK)
        count_units(count, symbols, counts);
    return status;
}

/* What was read of a stream: its blocks, one where it has none. */
struct blocks_read {
    size_t n;
    int64_t ends[UNITS];
    struct choice each[UNITS];
};

/* Read where the blocks of a stream of so many symbols end. */
static int read_ends(size_t count, struct bytes_left *left, struct blocks_read *read)
{
    const size_t units = (count + RC_UNIT - 1) / RC_UNIT;
    size_t done = 0;
    read->n = take_integer(left);
    if (!left->at || read->n < 2 || read->n > units)
        return RC_CORRUPT;
    for (size_t i = 0; i + 1 < read->n; i++) {
        const size_t here = take_integer(left);
        if (!left->at || here < 1 || here >= units - done)
            return RC_CORRUPT;
        done += here;
        read->ends[i] = (int64_t)(done * RC_UNIT);
    }
    read->ends[read->n - 1] = (int64_t)count;
    return RC_OK;
}

/* Whether block i of those that were read is as it is chosen; *size is what the chosen one takes. */
static int same_choice(size_t count, const uint64_t *counts, const uint8_t *symbols, const struct choice *read,
                       const uint8_t *lengths, struct rc_planes_work *work, size_t *size, int *same)
{
    struct choice made;
    const int known = read && read->coder == HUFFMAN;
    const int status = choose(count, counts, symbols, known ? read : NULL, lengths, work, &made);
    *size = made.size;
    *same = read && read->coder == made.coder &&
            (!known || (read->alphabet == made.alphabet && !memcmp(lengths, work->lengths, made.alphabet)));
    return status;
}

/* Whether a stream is as an encoder writes it. */
static int is_written_so(size_t count, int blocks, const uint8_t *symbols, const struct blocks_read *read,
                         struct rc_planes_work *work)
{
    int64_t ends[UNITS] = {(int64_t)count};
    const size_t n = cut(count, blocks, work, ends);
    size_t whole, together = 1 + 1 + (n - 1), size;
    int same_whole, same_blocks = read->n == n && !memcmp(ends, read->ends, n * sizeof *ends), same;
    int status = same_choice(count, work->counts[0], symbols, read->n == 1 ? read->each : NULL, work->read_lengths[0],
                             work, &whole, &same_whole);
    for (size_t i = 0, begin = 0; n > 1 && i < n && status == RC_OK; begin = (size_t)ends[i++]) {
        status = same_choice((size_t)ends[i] - begin, counts_of_block(begin, (size_t)ends[i], work), symbols + begin,
                             same_blocks ? read->each + i : NULL, work->read_lengths[i], work, &size, &same);
        same_blocks &= same;
        together += size;
    }
    if (status != RC_OK)
        return status;
    return (n > 1 && together < whole ? same_blocks : same_whole) ? RC_OK : RC_CORRUPT;
}

/* Read a stream of one symbol or more; *plane is where they are: in `symbols`, or among the bytes themselves. */
static int decode_stream(size_t count, int blocks, int strict, struct bytes_left *left, struct rc_planes_work *work,
                         uint16_t *words, uint8_t *symbols, const uint8_t **plane)
{
    struct blocks_read read = {.n = 1, .ends = {(int64_t)count}};
    const uint8_t *coder = take(left, 1);
    if (!coder)
        return RC_CORRUPT;
    int status;
    if (strict)
        memset(work->counts, 0, sizeof work->counts);
    if (*coder != BLOCKS || !blocks) {
        read.each[0].coder = *coder;
        status = decode_alone(count, left, read.each, work->read_lengths[0], work, words, symbols, plane,
                              strict ? work->counts + 1 : NULL);
    } else {
        status = read_ends(count, left, &read);
        *plane = symbols;
        for (size_t i = 0, begin = 0; status == RC_OK && i < read.n; begin = (size_t)read.ends[i++]) {
            const uint8_t *block;
            const size_t here = (size_t)read.ends[i] - begin;
            coder = take(left, 1);
            if (!coder)
                return RC_CORRUPT;
            read.each[i].coder = *coder;
            status = decode_alone(here, left, read.each + i, work->read_lengths[i], work, words, symbols + begin,
                                  &block, strict ? work->counts + 1 + begin / RC_UNIT : NULL);
            if (status == RC_OK && block != symbols + begin)
                memcpy(symbols + begin, block, here);
        }
    }
    return status != RC_OK || !strict ? status : is_written_so(count, blocks, *plane, &read, work);
}

int PLANES_DECODE(size_t count, size_t size, enum rc_planes_turn turn, int blocks, int strict, size_t n_data,
                  const uint8_t *data, struct rc_planes_work *work, uint8_t *planes, uint16_t *words, void *patterns,
                  size_t *used)
{
    const uint8_t *plane[PLANES] = {0};
    struct bytes_left left = {data, data + n_data};
    for (size_t i = 0; i < size; i++) {
        const int status = decode_stream(count, blocks, strict, &left, work, words, planes + i * count, &plane[i]);
        if (status != RC_OK)
            return status;
    }
    if (size == 1)
        memcpy(patterns, plane[0], count);
    else
        JOIN(0, count, size, turn, plane, patterns);
    *used = (size_t)(left.at - data);
    return RC_OK;
}
