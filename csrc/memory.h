/* How long arrays are read and written. */
#ifndef RC_MEMORY_H
#define RC_MEMORY_H
#include "kernels.h"
#include <string.h>

/* Numbers are read and written once, from and to memory where there are many of them, so that memory sets the pace. Two
 * things keep up with it. The bytes of a run that is AHEAD bytes further on are asked for early: without that the
 * SSE2 kernels took two to three times as long. And where a range is long (its results would push more useful things
 * out of the caches) they go past the caches: a line that is stored the usual way is read first. That halved the time
 * of decoding. But not where the result is so long that malloc takes it from the system each time (from 32 MiB on with
 * glibc): what is written first into a page that the system has just cleared is in a cache. */
enum { AHEAD = 2048, LONG = 1 << 18, NEW_BYTES = 32 << 20 };

RC_INLINE void prefetch(const void *from, size_t size)
{
    for (size_t p = 0; p < size; p += 64)
        __builtin_prefetch((const char *)((uintptr_t)from + AHEAD + p)); /* past the end too: it is a hint */
}

/* Whether the results of a range, of so many bytes each, go past the caches: to the address of the first one. */
RC_INLINE int streams(size_t numbers, size_t size, const void *to)
{
    return RC_X86 && numbers >= LONG && numbers * size < NEW_BYTES && (uintptr_t)to % 16 == 0;
}

RC_INLINE void store(void *to, const void *from, size_t size, int stream)
{
#if RC_X86
    if (stream) { /* SSE2, so that the portable kernel of this machine has it too; four of these fill a line */
        for (size_t p = 0; p < size; p += 16)
            _mm_stream_si128((void *)((char *)to + p), _mm_loadu_si128((const void *)((const char *)from + p)));
        return;
    }
#endif
    (void)stream;
    memcpy(to, from, size);
}

#if RC_X86
/* A line, and half of one, past the caches only where they lie in one line. */
RC_INLINE RC_AVX512 void store_line(void *to, __m512i v, int stream)
{
    if (stream && (uintptr_t)to % 64 == 0)
        _mm512_stream_si512(to, v);
    else
        _mm512_storeu_si512(to, v);
}

RC_INLINE RC_AVX2 void store_half_line(void *to, __m256i v, int stream)
{
    if (stream && (uintptr_t)to % 32 == 0)
        _mm256_stream_si256(to, v);
    else
        _mm256_storeu_si256(to, v);
}
#endif

/* After the last store past the caches: what other threads then see of ours comes in order again. */
RC_INLINE void end_streaming(int stream)
{
#if RC_X86
    if (stream)
        _mm_sfence();
#endif
    (void)stream;
}
#endif
