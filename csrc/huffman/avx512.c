/* What changed since the portable file: the lanes are those of vectors, 16 in each, and a step of all is a few
 * instructions. vpexpandw hands the next words of the stream to the lanes that take one, in their order, and
 * vpcompressw puts the words of those that give one side by side. Tables of bytes lie in registers, where vpermi2b
 * looks 64 of them up at a time. What does not fill a step of 16, 32 or 64 lanes is left to the portable kernel, which
 * takes up the same state. */
#include "../kernels.h"
#if RC_X86
#include <string.h>

#define TARGET RC_AVX512

/* 256 bytes in four registers. */
struct bytes {
    __m512i part[4];
};

/* The lowest byte of each lane of 32 bits. */
#define LOWEST 0x1111111111111111ull

RC_INLINE TARGET struct bytes load_bytes(const uint8_t *from)
{
    struct bytes table;
    RC_UNROLL for (size_t i = 0; i < 4; i++)
        table.part[i] = _mm512_load_si512(from + 64 * i);
    return table;
}

/* table[i] for each byte i of `at` below 128, or below 256 if `long_table`; 0 where `which` is not set. */
RC_INLINE TARGET __m512i look_up(const int long_table, const struct bytes *table, __mmask64 which, __m512i at)
{
    const __m512i low = _mm512_maskz_permutex2var_epi8(which, table->part[0], at, table->part[1]);
    if (!long_table)
        return low;
    const __m512i high = _mm512_permutex2var_epi8(table->part[2], at, table->part[3]);
    return _mm512_mask_mov_epi8(low, _mm512_movepi8_mask(at) & which, high);
}

/* ---- encoding ---- */

enum { LENGTH, LOW, HIGH };

/* The entries of the portable kernel's table, a length above a code of 16 bits, as three tables of bytes. */
TARGET static void split(const uint32_t *table, struct bytes *split)
{
    uint8_t bytes[3][256] __attribute__((aligned(64)));
    for (size_t i = 0; i < 256; i++) {
        bytes[LENGTH][i] = (uint8_t)(table[i] >> 16);
        bytes[LOW][i] = (uint8_t)table[i];
        bytes[HIGH][i] = (uint8_t)(table[i] >> 8);
    }
    for (size_t i = 0; i < 3; i++)
        split[i] = load_bytes(bytes[i]);
}

/* Add up the bits of each lane, and of all, from step begin to end; every lane has a symbol in each. */
TARGET static int measure(size_t begin, size_t end, size_t lanes, const uint8_t *symbols, const uint32_t *table,
                          struct rc_huffman_lanes *state)
{
    struct bytes tables[3];
    split(table, tables);
    const __mmask64 all = ~0ull >> (64 - lanes);
    while (begin < end) {
        __m512i sums = _mm512_setzero_si512();
        const size_t stop = begin + rc_min(end - begin, 17); /* 17 lengths of 15 are 255, the most that a byte holds */
        for (; begin < stop; begin++) {
            const __m512i symbol = _mm512_maskz_loadu_epi8(all, symbols + begin * lanes);
            const __m512i length = look_up(1, &tables[LENGTH], all, symbol);
            if (_mm512_test_epi8_mask(length, length) != all)
                return RC_BAD_INDEX;
            sums = _mm512_add_epi8(sums, length);
        }
        uint8_t added[64];
        _mm512_storeu_si512(added, sums);
        for (size_t lane = 0; lane < lanes; lane++) {
            state->held[lane] += added[lane];
            state->position += added[lane];
        }
    }
    return RC_OK;
}

/* The steps from end down to begin, while there are words for all lanes; returns the step where it ended. */
RC_INLINE TARGET size_t encode(const size_t vectors, size_t begin, size_t end, unsigned longest, const uint8_t *symbols,
                               const uint32_t *table, struct rc_huffman_lanes *state, uint16_t *words)
{
    const size_t lanes = 16 * vectors;
    struct bytes tables[3];
    split(table, tables);
    const __mmask64 all = ~0ull >> (64 - lanes);
    const __m256i numbers = _mm256_set_epi16(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
    const __m512i most = _mm512_set1_epi32((int)longest + 15), sixteen = _mm512_set1_epi32(16);
    __m512i bits[4], held[4];
    RC_UNROLL for (size_t v = 0; v < vectors; v++) {
        bits[v] = _mm512_loadu_si512(state->bits + 16 * v);
        held[v] = _mm512_loadu_si512(state->held + 16 * v);
    }
    size_t position = (size_t)state->position;
    for (; end > begin && position >= lanes; end--) {
        const __m512i symbol = _mm512_maskz_loadu_epi8(all, symbols + (end - 1) * lanes);
        uint8_t part[3][64] __attribute__((aligned(64)));
        _mm512_store_si512(part[LENGTH], look_up(1, &tables[LENGTH], all, symbol));
        _mm512_store_si512(part[LOW], look_up(1, &tables[LOW], all, symbol));
        _mm512_store_si512(part[HIGH], longest > 8 ? look_up(1, &tables[HIGH], all, symbol) : _mm512_setzero_si512());
        RC_UNROLL for (size_t v = vectors; v-- > 0;) {
#define WIDE(name) _mm512_cvtepu8_epi32(_mm_load_si128((const __m128i *)(part[name] + 16 * v)))
            const __m512i length = WIDE(LENGTH), sum = _mm512_add_epi32(held[v], length);
            const __m512i code = _mm512_or_si512(WIDE(LOW), _mm512_slli_epi32(WIDE(HIGH), 8));
#undef WIDE
            /* Whether the decoder took a word after this symbol. */
            const __mmask16 took = _mm512_cmpgt_epu32_mask(sum, most);
            const __m256i word = _mm512_cvtepi32_epi16(_mm512_srlv_epi32(bits[v], _mm512_sub_epi32(held[v], sixteen)));
            const unsigned count = (unsigned)__builtin_popcount(took);
            /* The words of the lanes that give one go to the upper end of 16; what is below is written over later. */
            const __m256i last = _mm256_permutexvar_epi16(_mm256_add_epi16(numbers, _mm256_set1_epi16((short)count)),
                                                          _mm256_maskz_compress_epi16(took, word));
            _mm256_storeu_si256((__m256i *)(words + position - 16), last);
            position -= count;
            bits[v] = _mm512_or_si512(_mm512_sllv_epi32(bits[v], length), code);
            held[v] = _mm512_mask_sub_epi32(sum, took, sum, sixteen);
        }
    }
    RC_UNROLL for (size_t v = 0; v < vectors; v++) {
        _mm512_storeu_si512(state->bits + 16 * v, bits[v]);
        _mm512_storeu_si512(state->held + 16 * v, held[v]);
    }
    state->position = position;
    return end;
}

TARGET int rc_huffman_encode_avx512(size_t begin, size_t end, size_t count, size_t lanes, size_t alphabet,
                                    const uint8_t *lengths, const uint16_t *codes, unsigned longest, int wide,
                                    const void *symbols, uint32_t *table, struct rc_huffman_lanes *state,
                                    uint16_t *words)
{
/* Not a template, only short for the same call. */
#define PORTABLE(from, to) \
    rc_huffman_encode_portable(from, to, count, lanes, alphabet, lengths, codes, longest, wide, symbols, table, state, \
                               words)
    if (wide || lanes < 16)
        return PORTABLE(begin, end);
    if (!words) {
        const size_t full = rc_min(end, count / lanes);
        if (begin >= full)
            return PORTABLE(begin, end);
        int status = begin == 0 ? PORTABLE(0, 0) : RC_OK; /* which fills the table */
        if (status == RC_OK)
            status = measure(begin, full, lanes, symbols, table, state);
        return status == RC_OK ? PORTABLE(full, end) : status;
    }
    /* The steps whose lanes all have a symbol in the next one too; nothing needs to be asked of them. */
    size_t full = count / lanes ? rc_min(end, count / lanes - 1) : 0;
    if (begin >= full)
        return PORTABLE(begin, end);
    if (full < end) {
        const int status = PORTABLE(full, end);
        if (status != RC_OK)
            return status;
    }
    switch (lanes) {
    case 16: full = encode(1, begin, full, longest, symbols, table, state, words); break;
    case 32: full = encode(2, begin, full, longest, symbols, table, state, words); break;
    default: full = encode(4, begin, full, longest, symbols, table, state, words);
    }
    return PORTABLE(begin, full);
#undef PORTABLE
}

/* ---- decoding ---- */

/* How the front of a queue becomes a symbol and a length: by its first 7 or 8 bits, from registers, or by its first
 * FIRST bits, from the table. A code that is longer than these bits is looked up again by all of them. */
enum way { REGISTERS_7, REGISTERS_8, TABLE };

/* The first 2^12 entries, whose further bits are 0, have 16 KiB: they stay in L1, where the whole table (128 KiB) does
 * not. */
enum { FIRST = 12 };

/* Of 256 patterns of 8 bits so many may begin longer codes for the registers to be used: of 64 lanes one then has to
 * look up again in two steps of three. With 16 patterns the table was a third quicker, with 3 it made no difference. */
enum { RARE = 4, LONGER = 128 };

TARGET static enum way way_of(unsigned longest, int wide, const uint32_t *table, struct bytes *symbol,
                               struct bytes *length)
{
    uint8_t symbols[256] __attribute__((aligned(64))), lengths[256] __attribute__((aligned(64)));
    size_t longer = 0;
    for (size_t i = 0; i < 256; i++) {
        const uint32_t entry = table[i & ((1u << longest) - 1)]; /* where the pattern goes on in zeros */
        const int known = entry >> 16 <= 8;
        symbols[i] = (uint8_t)entry;
        lengths[i] = known ? (uint8_t)(entry >> 16) : LONGER;
        longer += !known;
    }
    *symbol = load_bytes(symbols);
    *length = load_bytes(lengths);
    return wide || longer > RARE ? TABLE : longest <= 7 ? REGISTERS_7 : REGISTERS_8;
}

/* The steps from begin to end, while there are words for all lanes; returns the step where it ended. In one function:
 * in several (take words, look up, look up again, put) it took 13 % longer, for the vectors of all lanes then went
 * through memory. */
RC_INLINE TARGET size_t decode(const size_t vectors, const enum way way, const int wide, size_t begin, size_t end,
                               unsigned longest, const uint32_t *table, const struct bytes *symbol_of,
                               const struct bytes *length_of, size_t n_words, const uint16_t *words,
                               struct rc_huffman_lanes *state, void *symbols)
{
    const size_t lanes = 16 * vectors;
    const __m512i least = _mm512_set1_epi32((int)longest), sixteen = _mm512_set1_epi32(16);
    const unsigned first = way == TABLE ? FIRST : 8;
    const __m512i pattern = _mm512_set1_epi32((int)((1u << longest) - 1)), known = _mm512_set1_epi32((int)first);
    const __m512i near = _mm512_and_si512(pattern, _mm512_set1_epi32((1 << FIRST) - 1));
    const struct bytes symbol_bytes = *symbol_of, length_bytes = *length_of;
    __m512i bits[4], held[4];
    RC_UNROLL for (size_t v = 0; v < vectors; v++) {
        bits[v] = _mm512_loadu_si512(state->bits + 16 * v);
        held[v] = _mm512_loadu_si512(state->held + 16 * v);
    }
    size_t position = (size_t)state->position;
    for (; begin < end && n_words - position >= lanes; begin++) {
        __m512i queue[4], symbol[4], length[4];
        __mmask16 takes[4];
        RC_UNROLL for (size_t v = 0; v < vectors; v++) {
            takes[v] = _mm512_cmplt_epu32_mask(held[v], least);
            __m256i stream = _mm256_loadu_si256((const __m256i *)(words + position));
            /* Kept apart: an expansion that reads memory itself took up to 1.7 times as long. */
            __asm__("" : "+x"(stream));
            const __m256i next = _mm256_maskz_expand_epi16(takes[v], stream);
            position += (unsigned)__builtin_popcount(takes[v]);
            queue[v] = _mm512_or_si512(bits[v], _mm512_sllv_epi32(_mm512_cvtepu16_epi32(next), held[v]));
            if (way == TABLE) {
                symbol[v] = _mm512_i32gather_epi32(_mm512_and_si512(queue[v], near), table, 4);
                length[v] = _mm512_srli_epi32(symbol[v], 16);
            } else {
                symbol[v] = look_up(way == REGISTERS_8, &symbol_bytes, LOWEST, queue[v]);
                length[v] = look_up(way == REGISTERS_8, &length_bytes, LOWEST, queue[v]);
            }
        }
        if (way != REGISTERS_7) {
            /* Asked once for all lanes: a question for each vector took as long as all the rest. */
            __m512i longest_of = length[0];
            RC_UNROLL for (size_t v = 1; v < vectors; v++)
                longest_of = _mm512_max_epu32(longest_of, length[v]);
            if (_mm512_cmpgt_epu32_mask(longest_of, known))
                RC_UNROLL for (size_t v = 0; v < vectors; v++) {
                    const __mmask16 far = _mm512_cmpgt_epu32_mask(length[v], known);
                    if (far) {
                        const __m512i whole = _mm512_and_si512(queue[v], pattern);
                        symbol[v] = _mm512_mask_i32gather_epi32(symbol[v], far, whole, table, 4);
                        length[v] = _mm512_mask_srli_epi32(length[v], far, symbol[v], 16);
                    }
                }
        }
        RC_UNROLL for (size_t v = 0; v < vectors; v++) {
            const size_t to = begin * lanes + 16 * v;
            if (wide)
                _mm256_storeu_si256((__m256i *)((uint16_t *)symbols + to), _mm512_cvtepi32_epi16(symbol[v]));
            else
                _mm_storeu_si128((__m128i *)((uint8_t *)symbols + to), _mm512_cvtepi32_epi8(symbol[v]));
            bits[v] = _mm512_srlv_epi32(queue[v], length[v]);
            held[v] = _mm512_sub_epi32(_mm512_mask_add_epi32(held[v], takes[v], held[v], sixteen), length[v]);
        }
    }
    RC_UNROLL for (size_t v = 0; v < vectors; v++) {
        _mm512_storeu_si512(state->bits + 16 * v, bits[v]);
        _mm512_storeu_si512(state->held + 16 * v, held[v]);
    }
    state->position = position;
    return begin;
}

/* The same for 16, 32 or 64 lanes. */
RC_INLINE TARGET size_t decode_lanes(size_t lanes, const enum way way, const int wide, size_t begin, size_t end,
                                     unsigned longest, const uint32_t *table, const struct bytes *symbol_of,
                                     const struct bytes *length_of, size_t n_words, const uint16_t *words,
                                     struct rc_huffman_lanes *state, void *symbols)
{
    switch (lanes) {
    case 16:
        return decode(1, way, wide, begin, end, longest, table, symbol_of, length_of, n_words, words, state, symbols);
    case 32:
        return decode(2, way, wide, begin, end, longest, table, symbol_of, length_of, n_words, words, state, symbols);
    default:
        return decode(4, way, wide, begin, end, longest, table, symbol_of, length_of, n_words, words, state, symbols);
    }
}

/* The steps from begin to `full`, all of whose lanes have a symbol; returns the step where it ended. */
TARGET static size_t decode_full(size_t lanes, int wide, size_t begin, size_t full, unsigned longest,
                                 const uint32_t *table, size_t n_words, const uint16_t *words,
                                 struct rc_huffman_lanes *state, void *symbols)
{
    struct bytes symbol, length;
    const enum way way = way_of(longest, wide, table, &symbol, &length);
    if (wide)
        return decode_lanes(lanes, TABLE, 1, begin, full, longest, table, &symbol, &length, n_words, words, state,
                            symbols);
    switch (way) {
    case TABLE:
        return decode_lanes(lanes, TABLE, 0, begin, full, longest, table, &symbol, &length, n_words, words, state,
                            symbols);
    case REGISTERS_7:
        return decode_lanes(lanes, REGISTERS_7, 0, begin, full, longest, table, &symbol, &length, n_words, words, state,
                            symbols);
    default:
        return decode_lanes(lanes, REGISTERS_8, 0, begin, full, longest, table, &symbol, &length, n_words, words, state,
                            symbols);
    }
}

TARGET int rc_huffman_decode_avx512(size_t begin, size_t end, size_t count, size_t lanes, size_t alphabet,
                                    const uint8_t *lengths, const uint16_t *codes, unsigned longest, size_t n_words,
                                    const uint16_t *words, uint32_t *table, struct rc_huffman_lanes *state, int wide,
                                    void *symbols)
{
    const size_t full = rc_min(end, count / lanes);
    size_t step = begin;
    if (lanes >= 16 && begin < full) {
        if (begin == 0) /* no steps yet: this fills the table */
            rc_huffman_decode_portable(0, 0, count, lanes, alphabet, lengths, codes, longest, n_words, words, table,
                                       state, wide, symbols);
        step = decode_full(lanes, wide, begin, full, longest, table, n_words, words, state, symbols);
    }
    return rc_huffman_decode_portable(step, end, count, lanes, alphabet, lengths, codes, longest, n_words, words, table,
                                      state, wide, symbols);
}
#endif
