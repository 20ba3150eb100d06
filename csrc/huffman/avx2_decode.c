/* The decoder. What changed since the portable file: 8 lanes are a vector. A permutation, from a table by the lanes
 * that take a word, hands the next words of the stream to them, and the codes are gathered from a table of their first
 * NEAR bits. Where no code has more than 8 bits, 32 lanes look up bytes together instead (avx2_bytes.h): on a Zen 4
 * that took a third to a half less time, and with a second table for longer codes a quarter more. What does not fill a
 * step of all lanes is decoded one by one, by lengths: so the table of all bits is filled for nobody. */
#include "../kernels.h"
#if RC_X86
#include "canonical.h"
#include "avx2_bytes.h"

/* 2^NEAR entries have 16 KiB: they stay in L1. */
enum { NEAR = 12, FAR = 0xffff };

/* For lanes that take words, as bits: the places of their words among 8, and any place for the others. */
struct spread {
    uint8_t places[256][8];
};

static void fill_spread(struct spread *s)
{
    memset(s->places[0], 0, 8);
    for (size_t lane = 0; lane < 8; lane++)
        for (size_t set = 0; set < (size_t)1 << lane; set++) {
            uint8_t *const with = s->places[set | (size_t)1 << lane];
            memcpy(with, s->places[set], 8);
            with[lane] = (uint8_t)__builtin_popcountll(set);
        }
}

/* By the first NEAR bits, or all that a code has: a length above a symbol. Where a longer code begins, FAR above 0. */
static void fill_near(uint32_t *table, size_t alphabet, const uint8_t *lengths, const uint16_t *codes, unsigned longest)
{
    const size_t size = (size_t)1 << rc_min(longest, NEAR);
    for (size_t i = 0; i < size; i++)
        table[i] = (uint32_t)FAR << 16;
    for (size_t i = 0; i < alphabet; i++) {
        const unsigned length = lengths[i] & RC_MAX_LENGTH;
        if (length && length <= NEAR)
            for (size_t at = turned_round(codes[i]) >> (16 - length); at < size; at += (size_t)1 << length)
                table[at] = length << 16 | (uint32_t)i;
    }
}

/* The entry of a code by its length, as the table would have it; of what begins with no code (a lone symbol's 1) 0, and
 * the bit stays where it is. */
static uint32_t entry_by_length(const struct canonical *c, unsigned least, uint32_t queue)
{
    const uint32_t found = long_code(c, least, turned_round(queue & 0xffff));
    return found >> 16 << 16 | c->order[found & 0xffff];
}

TARGET __attribute__((noinline)) static __m256i find_far(const struct canonical *c, __m256i queue, __m256i entry)
{
    uint32_t queues[8], entries[8];
    _mm256_storeu_si256((__m256i *)queues, queue);
    _mm256_storeu_si256((__m256i *)entries, entry);
    for (size_t lane = 0; lane < 8; lane++)
        if (entries[lane] >> 16 == FAR)
            entries[lane] = entry_by_length(c, 1, queues[lane]);
    return _mm256_loadu_si256((const __m256i *)entries);
}

/* The steps from begin to end, while there are words for all lanes; returns the step where it ended. */
RC_INLINE TARGET size_t decode(const int wide, size_t begin, size_t end, size_t lanes, unsigned longest,
                               const struct canonical *c, const struct spread *s, const uint32_t *table, size_t n_words,
                               const uint16_t *words, struct rc_huffman_lanes *state, void *symbols)
{
    const __m256i least = _mm256_set1_epi32((int)longest), sixteen = _mm256_set1_epi32(16);
    const __m256i near = _mm256_set1_epi32((1 << rc_min(longest, NEAR)) - 1), lower = _mm256_set1_epi32(0xffff);
    size_t position = (size_t)state->position;
    for (; begin < end && n_words - position >= lanes; begin++)
        for (size_t lane = 0; lane < lanes; lane += 8) {
            __m256i *const bits = (__m256i *)(state->bits + lane), *const held = (__m256i *)(state->held + lane);
            const __m256i holds = _mm256_loadu_si256(held), takes = _mm256_cmpgt_epi32(least, holds);
            const unsigned set = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(takes));
            const __m128i stream = _mm_loadu_si128((const __m128i *)(words + position));
            const __m128i places = _mm_loadl_epi64((const __m128i *)s->places[set]);
            position += (size_t)__builtin_popcount(set);
            const __m256i next = _mm256_permutevar8x32_epi32(_mm256_cvtepu16_epi32(stream),
                                                             _mm256_cvtepu8_epi32(places));
            const __m256i queue = _mm256_or_si256(_mm256_loadu_si256(bits),
                                                  _mm256_sllv_epi32(_mm256_and_si256(takes, next), holds));
            __m256i entry = _mm256_i32gather_epi32((const int *)table, _mm256_and_si256(queue, near), 4);
            if (_mm256_movemask_ps(_mm256_castsi256_ps(entry)))
                entry = find_far(c, queue, entry);
            const __m256i length = _mm256_srli_epi32(entry, 16);
            _mm256_storeu_si256(bits, _mm256_srlv_epi32(queue, length));
            _mm256_storeu_si256(held, _mm256_sub_epi32(_mm256_add_epi32(holds, _mm256_and_si256(takes, sixteen)),
                                                       length));
            const __m256i symbol = _mm256_and_si256(entry, lower);
            const __m128i narrow =
                _mm_packus_epi32(_mm256_castsi256_si128(symbol), _mm256_extracti128_si256(symbol, 1));
            if (wide)
                _mm_storeu_si128((__m128i *)((uint16_t *)symbols + begin * lanes + lane), narrow);
            else
                _mm_storel_epi64((__m128i *)((uint8_t *)symbols + begin * lanes + lane),
                                 _mm_packus_epi16(narrow, narrow));
        }
    state->position = position;
    return begin;
}

/* Where no code has more than 8 bits: by 8 bits, the symbol and the length; of few symbols both in one byte, the length
 * less 1 above the symbol. */
enum { MOST_IN_BYTES = 8, JOINT_BITS = 5 };
struct byte_tables {
    struct bytes symbol, length;
};

static void fill_bytes(struct byte_tables *t, const int joint, size_t alphabet, const uint8_t *lengths,
                       const uint16_t *codes)
{
    uint8_t *const symbols = t->symbol.part[0], *const all = t->length.part[0];
    memset(t, 0, sizeof *t);
    for (size_t i = 0; i < alphabet; i++) {
        const unsigned length = lengths[i] & RC_MAX_LENGTH;
        if (length && length <= MOST_IN_BYTES)
            for (size_t at = turned_round(codes[i]) >> (16 - length); at < 256; at += (size_t)1 << length) {
                symbols[at] = (uint8_t)(joint ? (length - 1) << JOINT_BITS | i : i);
                all[at] = (uint8_t)length;
            }
    }
}

/* The lower bytes of the numbers of four vectors. */
RC_INLINE TARGET __m256i lower_bytes(const __m256i *v)
{
    const __m256i byte = _mm256_set1_epi32(255);
    return _mm256_packus_epi16(
        _mm256_packus_epi32(_mm256_and_si256(v[0], byte), _mm256_and_si256(v[1], byte)),
        _mm256_packus_epi32(_mm256_and_si256(v[2], byte), _mm256_and_si256(v[3], byte)));
}

/* The same for 32 lanes at a time, looked up in bytes. */
RC_INLINE TARGET size_t in_bytes(const size_t parts, const int joint, size_t begin, size_t end, size_t lanes,
                                 unsigned longest,
                                 const struct byte_tables *t, const struct spread *s,
                                 size_t n_words, const uint16_t *words, struct rc_huffman_lanes *state,
                                 uint8_t *symbols)
{
    const __m256i least = _mm256_set1_epi32((int)longest), sixteen = _mm256_set1_epi32(16);
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i of_vector[4];
    RC_UNROLL for (size_t v = 0; v < 4; v++) {
        const int at = INT32_MIN + 0x808000 + 4 * (int)v; /* a byte, and three that become 0 */
        of_vector[v] = _mm256_broadcastsi128_si256(_mm_setr_epi32(at, at + 1, at + 2, at + 3));
    }
    size_t position = (size_t)state->position;
    for (; begin < end && n_words - position >= lanes; begin++)
        for (size_t lane = 0; lane < lanes; lane += 32) {
            __m256i queue[4], held[4];
            RC_UNROLL for (size_t v = 0; v < 4; v++) {
                const __m256i holds = _mm256_loadu_si256((const __m256i *)(state->held + lane + 8 * v));
                const __m256i takes = _mm256_cmpgt_epi32(least, holds);
                const unsigned set = (unsigned)_mm256_movemask_ps(_mm256_castsi256_ps(takes));
                const __m128i stream = _mm_loadu_si128((const __m128i *)(words + position));
                const __m128i places = _mm_loadl_epi64((const __m128i *)s->places[set]);
                position += (size_t)__builtin_popcount(set);
                const __m256i next = _mm256_permutevar8x32_epi32(_mm256_cvtepu16_epi32(stream),
                                                                 _mm256_cvtepu8_epi32(places));
                queue[v] = _mm256_or_si256(_mm256_loadu_si256((const __m256i *)(state->bits + lane + 8 * v)),
                                           _mm256_sllv_epi32(_mm256_and_si256(takes, next), holds));
                held[v] = _mm256_add_epi32(holds, _mm256_and_si256(takes, sixteen));
            }
            const __m256i at = lower_bytes(queue);
            __m256i symbol = look_up(parts, &t->symbol, at), length;
            if (joint) {
                length = _mm256_add_epi8(_mm256_and_si256(_mm256_srli_epi16(symbol, JOINT_BITS), _mm256_set1_epi8(7)),
                                         _mm256_set1_epi8(1));
                symbol = _mm256_and_si256(symbol, _mm256_set1_epi8((1 << JOINT_BITS) - 1));
            } else {
                length = look_up(parts, &t->length, at);
            }
            _mm256_storeu_si256((__m256i *)(symbols + begin * lanes + lane),
                                _mm256_permutevar8x32_epi32(symbol, order));
            RC_UNROLL for (size_t v = 0; v < 4; v++) {
                const __m256i taken = _mm256_shuffle_epi8(length, of_vector[v]);
                _mm256_storeu_si256((__m256i *)(state->bits + lane + 8 * v), _mm256_srlv_epi32(queue[v], taken));
                _mm256_storeu_si256((__m256i *)(state->held + lane + 8 * v), _mm256_sub_epi32(held[v], taken));
            }
        }
    state->position = position;
    return begin;
}

TARGET static size_t decode_bytes(size_t begin, size_t end, size_t lanes, size_t alphabet, const uint8_t *lengths,
                                  const uint16_t *codes, unsigned longest, const struct spread *s, size_t n_words,
                                  const uint16_t *words, struct rc_huffman_lanes *state, uint8_t *symbols)
{
    struct byte_tables t;
    const int joint = alphabet <= (size_t)1 << JOINT_BITS;
    fill_bytes(&t, joint, alphabet, lengths, codes);
#define CASE(parts, joint) \
    case 2 * parts + joint: \
        return in_bytes(parts, joint, begin, end, lanes, longest, &t, s, n_words, words, state, symbols)
    switch (2 * parts_of((size_t)1 << longest) + (size_t)joint) {
        CASE(1, 1);
        CASE(2, 1);
        CASE(4, 1);
        CASE(8, 1);
        CASE(16, 1);
        CASE(4, 0);
        CASE(8, 0);
    default:
        return in_bytes(16, 0, begin, end, lanes, longest, &t, s, n_words, words, state, symbols);
    }
#undef CASE
}

TARGET int rc_huffman_decode_avx2(size_t begin, size_t end, size_t count, size_t lanes, size_t alphabet,
                                  const uint8_t *lengths, const uint16_t *codes, unsigned longest, size_t n_words,
                                  const uint16_t *words, uint32_t *table, struct rc_huffman_lanes *state, int wide,
                                  void *symbols)
{
    if (lanes < 8)
        return rc_huffman_decode_portable(begin, end, count, lanes, alphabet, lengths, codes, longest, n_words, words,
                                          table, state, wide, symbols);
    struct canonical c;
    struct spread s;
    fill_canonical(&c, alphabet, lengths);
    fill_spread(&s);
    if (begin == 0) {
        memset(state, 0, sizeof *state);
        fill_near(table, alphabet, lengths, codes, longest);
    }
    const size_t full = rc_min(end, count / lanes);
    size_t step = begin;
    if (!wide && lanes >= 32 && longest <= MOST_IN_BYTES && alphabet <= 256)
        step = decode_bytes(step, full, lanes, alphabet, lengths, codes, longest, &s, n_words, words, state, symbols);
    step = wide ? decode(1, step, full, lanes, longest, &c, &s, table, n_words, words, state, symbols)
                       : decode(0, step, full, lanes, longest, &c, &s, table, n_words, words, state, symbols);
    for (; step < end; step++)
        for (size_t i = step * lanes; i < rc_min((step + 1) * lanes, count); i++) {
            uint32_t *const queue = state->bits + i % lanes, *const held = state->held + i % lanes;
            if (*held < longest) {
                if (state->position == n_words)
                    return RC_CORRUPT;
                *queue |= (uint32_t)words[state->position++] << (*held & 31);
                *held += 16;
            }
            const uint32_t entry = entry_by_length(&c, 1, *queue);
            *queue >>= entry >> 16 & 31;
            *held -= entry >> 16;
            if (wide)
                ((uint16_t *)symbols)[i] = (uint16_t)entry;
            else
                ((uint8_t *)symbols)[i] = (uint8_t)entry;
        }
    return rc_huffman_decode_portable(end, end, count, lanes, alphabet, lengths, codes, longest, n_words, words, table,
                                      state, wide, symbols);
}
#endif
