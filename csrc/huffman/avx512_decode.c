/* The decoder. What changed since the portable file: 32 lanes are a vector of words for the first 16 bits of their
 * queues, and one for the bits behind. vpexpandw hands the next words of the stream to the lanes that take one, in
 * their order, and the codes are looked up in registers (registers.h), where vpermi2b looks up 64 bytes at a time. A
 * step of 64 lanes waits for itself (which lanes take a word depends on the lengths before), not for any instruction:
 * so what shortens that way pays, and the two vectors each go their own. */
#include "../kernels.h"
#if RC_X86
#include "blocks.h"
#include "registers.h"

#define TARGET RC_AVX512
#include "avx512_memory.h"

/* The lower byte of each word. */
#define LOWER 0x5555555555555555ull

/* 128 or 256 bytes in registers. */
struct half {
    __m512i part[2];
};
struct whole {
    struct half half[2];
};

RC_INLINE TARGET struct half load_half(const uint8_t *from)
{
    return (struct half){{_mm512_load_si512(from), _mm512_load_si512(from + 64)}};
}

RC_INLINE TARGET struct whole load_whole(const uint8_t *from)
{
    return (struct whole){{load_half(from), load_half(from + 128)}};
}

/* table[i] for the lower byte i, without its highest bit, of each word. */
RC_INLINE TARGET __m512i in_half(struct half table, __m512i at)
{
    return _mm512_maskz_permutex2var_epi8(LOWER, table.part[0], at, table.part[1]);
}

/* table[i] for the lower byte i of each word; `upper` says where it is 128 or more. */
RC_INLINE TARGET __m512i in_whole(struct whole table, __m512i at, __mmask64 upper)
{
    const __m512i high = _mm512_permutex2var_epi8(table.half[1].part[0], at, table.half[1].part[1]);
    return _mm512_mask_mov_epi8(in_half(table.half[0], at), upper, high);
}

/* Look up the codes that are FAR, lane by lane. */
TARGET __attribute__((noinline)) static void find_far(const struct registers *r, __m512i queue, __m512i *symbol,
                                                      __m512i *length)
{
    uint16_t queues[32], symbols[32], lengths[32];
    _mm512_storeu_si512(queues, queue);
    _mm512_storeu_si512(symbols, *symbol);
    _mm512_storeu_si512(lengths, *length);
    for (uint32_t far = _mm512_test_epi16_mask(*length, _mm512_set1_epi16(FAR)); far; far &= far - 1) {
        const unsigned lane = (unsigned)__builtin_ctz(far);
        const uint32_t found = long_code(&r->code, r->least, turned_round(queues[lane]));
        symbols[lane] = r->code.order[found & 0xffff] & 0xff;
        lengths[lane] = (uint16_t)(found >> 16);
    }
    *symbol = _mm512_loadu_si512(symbols);
    *length = _mm512_loadu_si512(lengths);
}

/* The steps from begin to end, all of the same lanes: with `last` set that of the end of the stream, whose words may
 * run out (then it returns SIZE_MAX), and else only while there are words for all lanes. Returns the step where it
 * ended. */
RC_INLINE TARGET size_t in_registers(const size_t vectors, const enum way way, const int last, const int counting,
                                     size_t begin, size_t end, size_t lanes, size_t active, unsigned longest,
                                     const struct registers *r, size_t n_words, const uint16_t *words,
                                     struct rc_huffman_lanes *state, uint8_t *symbols, uint32_t (*tables)[256])
{
    const struct half symbol_of = load_half(r->symbol), length_of = load_half(r->length);
    const struct half pointer_of = load_half(r->pointer);
    const struct whole second_symbol = load_whole(r->second_symbol), second_length = load_whole(r->second_length);
    const __m512i least = _mm512_set1_epi16((short)longest), sixteen = _mm512_set1_epi16(16);
    const __m512i zero = _mm512_setzero_si512();
    __m512i one = _mm512_set1_epi8(1), is_far = _mm512_set1_epi16(FAR);
    __asm__("" : "+v"(one), "+v"(is_far)); /* or they would be made anew in each step */
    const __mmask64 all = ~0ull >> (64 - active);
    uint16_t split[3][64] = {{0}};
    for (size_t lane = 0; lane < lanes; lane++) {
        split[0][lane] = (uint16_t)state->bits[lane];
        split[1][lane] = (uint16_t)(state->bits[lane] >> 16);
        split[2][lane] = (uint16_t)state->held[lane];
    }
    __m512i low[2], high[2], held[2];
    RC_UNROLL for (size_t v = 0; v < vectors; v++) {
        low[v] = _mm512_loadu_si512(split[0] + 32 * v);
        high[v] = _mm512_loadu_si512(split[1] + 32 * v);
        held[v] = _mm512_loadu_si512(split[2] + 32 * v);
    }
    uint8_t places[64]; /* the symbols of the first vector are the even bytes, those of the second the odd ones */
    for (size_t i = 0; i < 64; i++)
        places[i] = (uint8_t)(2 * (i % 32) + i / 32);
    const __m512i in_order = _mm512_loadu_si512(places);
    size_t position = (size_t)state->position, counted = begin;
    for (; begin < end && (last || n_words - position >= 32 * vectors); begin++) {
        __m512i symbol[2], length[2], lengths = zero;
        RC_UNROLL for (size_t v = 0; v < vectors; v++) {
            const __mmask32 here = (__mmask32)(all >> 32 * v);
            const __mmask32 takes = _mm512_mask_cmplt_epu16_mask(here, held[v], least);
            const size_t count = (size_t)__builtin_popcount(takes), left = n_words - position;
            if (last && count > left)
                return SIZE_MAX;
            const __mmask32 there = last && left < 32 ? (1u << left) - 1 : ~0u;
            __m512i stream = last ? _mm512_maskz_loadu_epi16(there, words + position)
                                  : _mm512_loadu_si512(words + position);
            /* Kept apart: with an expansion that reads memory itself the 7-bit tables took 7 % longer, the 8-bit ones
             * 20 %, and both together no longer (a Zen 4). */
            __asm__("" : "+v"(stream));
            const __m512i next = _mm512_maskz_expand_epi16(takes, stream);
            position += count;
            /* A lane that takes a word holds fewer than 16 bits; shldv shifts by the rest of 16, of zeros for all
             * others. */
            low[v] = _mm512_or_si512(low[v], _mm512_sllv_epi16(next, held[v]));
            high[v] = _mm512_or_si512(high[v], _mm512_shldv_epi16(zero, next, held[v]));
            held[v] = _mm512_mask_add_epi16(held[v], takes, held[v], sixteen);
            if (way == BY_8_BITS) {
                const __mmask64 upper = _mm512_movepi8_mask(low[v]) & LOWER;
                symbol[v] = in_whole(second_symbol, low[v], upper);
                length[v] = in_whole(second_length, low[v], upper);
            } else {
                symbol[v] = in_half(symbol_of, low[v]);
                length[v] = in_half(length_of, low[v]);
            }
            if (way == BY_BOTH) {
                /* Of a pointer p, p & (p - 1) is where its run begins and p ^ (p - 1) has a bit of 1 for each bit that
                 * counts; both together are the majority of p, p - 1 and the bits. Of p = 0 it is 0. */
                const __m512i pointer = in_half(pointer_of, low[v]);
                const __m512i at = _mm512_ternarylogic_epi32(pointer, _mm512_subs_epu8(pointer, one),
                                                             _mm512_srli_epi16(low[v], FIRST), 0xe8);
                const __mmask64 upper = _mm512_movepi8_mask(at);
                symbol[v] = _mm512_or_si512(symbol[v], in_whole(second_symbol, at, upper));
                length[v] = _mm512_or_si512(length[v], in_whole(second_length, at, upper));
                lengths = _mm512_or_si512(lengths, length[v]);
            }
        }
        if (way == BY_BOTH && _mm512_test_epi16_mask(lengths, is_far))
            RC_UNROLL for (size_t v = 0; v < vectors; v++)
                if (_mm512_test_epi16_mask(length[v], is_far)) {
                    __m512i s = symbol[v], l = length[v]; /* copies: with an address they would live in memory */
                    find_far(r, low[v], &s, &l);
                    symbol[v] = s;
                    length[v] = l;
                }
        uint8_t *const to = symbols + begin * lanes;
        if (vectors == 1)
            _mm256_mask_storeu_epi8(to, (__mmask32)all, _mm512_cvtepi16_epi8(symbol[0]));
        else {
            const __m512i both = _mm512_or_si512(symbol[0], _mm512_slli_epi16(symbol[1], 8));
            const __m512i bytes = _mm512_permutexvar_epi8(in_order, both);
            if (last)
                _mm512_mask_storeu_epi8(to, all, bytes);
            else
                _mm512_storeu_si512(to, bytes);
        }
        if (counting && begin >= counted + 4) { /* by the scalar ports, which have nothing else to do */
            for (size_t i = 0; i < 64; i += 8) {
                uint64_t eight;
                memcpy(&eight, symbols + counted * 64 + i, sizeof eight);
                RC_UNROLL for (unsigned j = 0; j < 8; j++)
                    tables[j % 4][eight >> 8 * j & 0xff]++;
            }
            counted++;
        }
        RC_UNROLL for (size_t v = 0; v < vectors; v++) {
            if (last)
                length[v] = _mm512_maskz_mov_epi16((__mmask32)(all >> 32 * v), length[v]);
            low[v] = _mm512_shrdv_epi16(low[v], high[v], length[v]);
            high[v] = _mm512_srlv_epi16(high[v], length[v]);
            held[v] = _mm512_sub_epi16(held[v], length[v]);
        }
    }
    if (counting)
        for (size_t i = counted * 64; i < begin * 64; i++)
            tables[i % 4][symbols[i]]++;
    RC_UNROLL for (size_t v = 0; v < vectors; v++) {
        _mm512_storeu_si512(split[0] + 32 * v, low[v]);
        _mm512_storeu_si512(split[1] + 32 * v, high[v]);
        _mm512_storeu_si512(split[2] + 32 * v, held[v]);
    }
    for (size_t lane = 0; lane < lanes; lane++) {
        state->bits[lane] = split[0][lane] | (uint32_t)split[1][lane] << 16;
        state->held[lane] = split[2][lane];
    }
    state->position = position;
    return begin;
}

/* All steps from begin to end: those in the middle of the stream, and then the last ones. */
RC_INLINE TARGET int all_steps(const size_t vectors, const enum way way, size_t begin, size_t end, size_t count,
                               size_t lanes, unsigned longest, const struct registers *r, size_t n_words,
                               const uint16_t *words, struct rc_huffman_lanes *state, uint8_t *symbols)
{
    const size_t full = rc_min(end, count / lanes);
    size_t step =
        in_registers(vectors, way, 0, 0, begin, full, lanes, lanes, longest, r, n_words, words, state, symbols, NULL);
    step = in_registers(vectors, way, 1, 0, step, full, lanes, lanes, longest, r, n_words, words, state, symbols, NULL);
    if (step < end)
        step = in_registers(vectors, way, 1, 0, step, end, lanes, count % lanes, longest, r, n_words, words, state,
                            symbols, NULL);
    return step == SIZE_MAX ? RC_CORRUPT : RC_OK;
}

TARGET static int decode(enum way way, size_t begin, size_t end, size_t count, size_t lanes, unsigned longest,
                         const struct registers *r, size_t n_words, const uint16_t *words,
                         struct rc_huffman_lanes *state, uint8_t *symbols)
{
#define CASE(vectors, way) \
    case 4u * vectors + (unsigned)way: \
        return all_steps(vectors, way, begin, end, count, lanes, longest, r, n_words, words, state, symbols)
    switch (4u * (lanes == 64 ? 2 : 1) + (unsigned)way) {
        CASE(1, BY_7_BITS);
        CASE(1, BY_8_BITS);
        CASE(1, BY_BOTH);
        CASE(2, BY_7_BITS);
        CASE(2, BY_8_BITS);
    default:
        CASE(2, BY_BOTH);
    }
#undef CASE
}

TARGET int rc_huffman_decode_avx512(size_t begin, size_t end, size_t count, size_t lanes, size_t alphabet,
                                    const uint8_t *lengths, const uint16_t *codes, unsigned longest, size_t n_words,
                                    const uint16_t *words, uint32_t *table, struct rc_huffman_lanes *state, int wide,
                                    void *symbols)
{
/* Not a template, only short for the same call. */
#define PORTABLE(from) \
    rc_huffman_decode_portable(from, end, count, lanes, alphabet, lengths, codes, longest, n_words, words, table, \
                               state, wide, symbols)
    const size_t full = rc_min(end, count / lanes);
    if (lanes < 16)
        return PORTABLE(begin);
    struct registers r;
    const enum way way = wide ? IN_MEMORY : fill_registers(&r, alphabet, lengths, codes, longest);
    if (way == IN_MEMORY) {
        if (begin == 0) /* no steps yet: this fills the table */
            rc_huffman_decode_portable(0, 0, count, lanes, alphabet, lengths, codes, longest, n_words, words, table,
                                       state, wide, symbols);
        return PORTABLE(wide ? in_memory_lanes(lanes, 1, begin, full, longest, table, n_words, words, state, symbols)
                             : in_memory_lanes(lanes, 0, begin, full, longest, table, n_words, words, state, symbols));
    }
    if (begin == 0)
        memset(state, 0, sizeof *state);
    const int status = decode(way, begin, end, count, lanes, longest, &r, n_words, words, state, symbols);
    return status == RC_OK ? PORTABLE(end) : status; /* no steps are left: this looks at what the lanes hold */
#undef PORTABLE
}

/* The steps from begin to end that have words for all lanes, with their symbols counted; returns the step where it
 * ended. */
TARGET static size_t decode_counting(enum way way, size_t begin, size_t end, unsigned longest,
                                     const struct registers *r, size_t n_words, const uint16_t *words,
                                     struct rc_huffman_lanes *state, uint8_t *symbols, uint32_t (*tables)[256])
{
#define CASE(way) \
    case way: \
        return in_registers(2, way, 0, 1, begin, end, 64, 64, longest, r, n_words, words, state, symbols, tables)
    switch (way) {
        CASE(BY_7_BITS);
        CASE(BY_8_BITS);
    default:
        CASE(BY_BOTH);
    }
#undef CASE
}

/* All symbols of a stream, and how often each occurs in each unit of 2^16 of them. A step waits for the one before, and
 * leaves the scalar ports free: counted meanwhile, symbols take two thirds of the time of a pass of their own. Those of
 * the steps just before are not in memory yet: counting them at once took longer than a pass. */
TARGET int rc_huffman_avx512_counted(size_t count, size_t lanes, size_t alphabet, const uint8_t *lengths,
                                     const uint16_t *codes, unsigned longest, size_t n_words, const uint16_t *words,
                                     uint32_t *table, struct rc_huffman_lanes *state, uint8_t *symbols,
                                     uint64_t (*counts)[256])
{
    const size_t steps = (count + lanes - 1) / lanes, each = RC_UNIT / 64;
    struct registers r;
    const enum way way = lanes == 64 ? fill_registers(&r, alphabet, lengths, codes, longest) : IN_MEMORY;
    if (way == IN_MEMORY) {
        const int status = rc_huffman_decode_avx512(0, steps, count, lanes, alphabet, lengths, codes, longest, n_words,
                                                    words, table, state, 0, symbols);
        for (size_t begin = 0; begin < count && status == RC_OK; begin += RC_UNIT)
            rc_huffman_counts_portable(begin, rc_min(begin + RC_UNIT, count), 0, symbols, *counts++);
        return status;
    }
    memset(state, 0, sizeof *state);
    for (size_t begin = 0; begin < steps; begin += each, counts++) {
        uint32_t tables[4][256] = {{0}};
        const size_t end = rc_min(begin + each, steps), full = rc_min(end, count / 64);
        const size_t step = decode_counting(way, begin, full, longest, &r, n_words, words, state, symbols, tables);
        const int status = decode(way, step, end, count, lanes, longest, &r, n_words, words, state, symbols);
        if (status != RC_OK)
            return status;
        for (size_t symbol = 0; symbol < 256; symbol++)
            for (size_t i = 0; i < 4; i++)
                (*counts)[symbol] += tables[i][symbol];
        rc_huffman_counts_portable(step * 64, rc_min(end * 64, count), 0, symbols, *counts);
    }
    /* no steps are left: this looks at what the lanes hold */
    return rc_huffman_decode_portable(steps, steps, count, lanes, alphabet, lengths, codes, longest, n_words, words,
                                      table, state, 0, symbols);
}
#endif
