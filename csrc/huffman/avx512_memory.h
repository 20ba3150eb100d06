/* Decoding from a table in memory, for symbols of 16 bits and for codes that do not fit registers. The lanes are those
 * of vectors, 16 in each. The table is that of the portable kernel, which filled it. */

/* The first 2^NEAR entries, whose further bits are 0, have 16 KiB: they stay in L1, where the whole table (128 KiB)
 * does not. A code that is longer than NEAR bits is looked up again by all of them. */
enum { NEAR = 12 };

/* The steps from begin to end, while there are words for all lanes; returns the step where it ended. In one function:
 * in several (take words, look up, look up again, put) it took 13 % longer. */
RC_INLINE TARGET size_t in_memory(const size_t vectors, const int wide, size_t begin, size_t end, unsigned longest,
                                  const uint32_t *table, size_t n_words, const uint16_t *words,
                                  struct rc_huffman_lanes *state, void *symbols)
{
    const size_t lanes = 16 * vectors;
    const __m512i least = _mm512_set1_epi32((int)longest), sixteen = _mm512_set1_epi32(16);
    const __m512i pattern = _mm512_set1_epi32((int)((1u << longest) - 1)), known = _mm512_set1_epi32(NEAR);
    const __m512i near = _mm512_and_si512(pattern, _mm512_set1_epi32((1 << NEAR) - 1));
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
            /* Kept apart, as in avx512_decode.c. */
            __asm__("" : "+x"(stream));
            const __m256i next = _mm256_maskz_expand_epi16(takes[v], stream);
            position += (unsigned)__builtin_popcount(takes[v]);
            queue[v] = _mm512_or_si512(bits[v], _mm512_sllv_epi32(_mm512_cvtepu16_epi32(next), held[v]));
            symbol[v] = _mm512_i32gather_epi32(_mm512_and_si512(queue[v], near), table, 4);
            length[v] = _mm512_srli_epi32(symbol[v], 16);
        }
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
RC_INLINE TARGET size_t in_memory_lanes(size_t lanes, const int wide, size_t begin, size_t end, unsigned longest,
                                        const uint32_t *table, size_t n_words, const uint16_t *words,
                                        struct rc_huffman_lanes *state, void *symbols)
{
    switch (lanes) {
    case 16: return in_memory(1, wide, begin, end, longest, table, n_words, words, state, symbols);
    case 32: return in_memory(2, wide, begin, end, longest, table, n_words, words, state, symbols);
    default: return in_memory(4, wide, begin, end, longest, table, n_words, words, state, symbols);
    }
}
