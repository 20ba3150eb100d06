/* What this machine can do at best: chains of independent multiply-adds from registers, and memory read and copied.
 *
 * Every rate_* runs n steps of CHAINS independent instructions: more than latency (4 or 5 cycles) times width (2 a cycle)
 * needs. What a step counts is beside its name in limits.py. The results are stored, so that no compiler leaves them out.
 */
#include <stdint.h>
#include <string.h>

#define CHAINS 12

static volatile int64_t sink;

/* Portable: what the compiler makes of four lanes of plain C, a multiplication and an addition. */
typedef float f32x4 __attribute__((vector_size(16)));
typedef double f64x2 __attribute__((vector_size(16)));

#define EACH(do) do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do(11)
#define ALIKE(i) a##i = b,
/* Chains have names, not indices: GCC keeps an array in memory. The empty asm keeps each in a register and in order. */
#define CHAIN(i)                                                                                   \
    a##i = STEP(a##i);                                                                             \
    __asm__ volatile("" : KEPT(a##i));

#define PORTABLE(name, type)                                                                       \
    void name(int64_t n)                                                                           \
    {                                                                                              \
        type b = {0}, c = {0};                                                                     \
        __asm__ volatile("" : "+x"(b), "+x"(c));                                                   \
        type EACH(ALIKE) all = b;                                                                  \
        for (int64_t i = 0; i < n; i++) {                                                          \
            EACH(CHAIN)                                                                            \
        }                                                                                          \
        all += a0;                                                                                 \
        memcpy((void *)&sink, &all, sizeof sink);                                                  \
    }

#if defined(__x86_64__)
#define STEP(a) a * b + c
#define KEPT(a) "+x"(a)
PORTABLE(rate_f32_portable, f32x4)
PORTABLE(rate_f64_portable, f64x2)
#undef STEP
#undef KEPT

#include <immintrin.h>

#define KEPT(a) "+v"(a)
#define RATE(name, isa, type, zero)                                                                \
    __attribute__((target(isa))) void name(int64_t n)                                              \
    {                                                                                              \
        type b = zero(), c = zero();                                                               \
        __asm__ volatile("" : "+v"(b), "+v"(c));                                                   \
        type EACH(ALIKE) all;                                                                      \
        for (int64_t i = 0; i < n; i++) {                                                          \
            EACH(CHAIN)                                                                            \
        }                                                                                          \
        all = a0;                                                                                  \
        memcpy((void *)&sink, &all, sizeof sink);                                                  \
    }

#define F512 "avx512f,avx512bw,avx512vl,avx512vnni,avx512bf16"
/* AVX2 has no product of bytes that cannot saturate: bytes become int16, whose pairs vpmaddwd multiplies and adds. */
#define STEP(a) _mm256_fmadd_ps(a, b, c)
RATE(rate_f32_avx2, "avx2,fma", __m256, _mm256_setzero_ps)
#undef STEP
#define STEP(a) _mm256_fmadd_pd(a, b, c)
RATE(rate_f64_avx2, "avx2,fma", __m256d, _mm256_setzero_pd)
#undef STEP
#define STEP(a) _mm256_add_epi32(a, _mm256_madd_epi16(a, b))
RATE(rate_s16_avx2, "avx2", __m256i, _mm256_setzero_si256)
#undef STEP
#define STEP(a) _mm512_fmadd_ps(a, b, c)
RATE(rate_f32_avx512, F512, __m512, _mm512_setzero_ps)
#undef STEP
#define STEP(a) _mm512_fmadd_pd(a, b, c)
RATE(rate_f64_avx512, F512, __m512d, _mm512_setzero_pd)
#undef STEP
#define STEP(a) _mm512_dpwssd_epi32(a, b, c)
RATE(rate_s16_avx512, F512, __m512i, _mm512_setzero_si512)
#undef STEP
#define STEP(a) _mm512_dpbusd_epi32(a, b, c)
RATE(rate_s8_avx512, F512, __m512i, _mm512_setzero_si512)
#undef STEP
#define STEP(a) _mm512_dpbf16_ps(a, (__m512bh)b, (__m512bh)c)
RATE(rate_bf16_avx512, F512, __m512, _mm512_setzero_ps)
#undef STEP

int has(int level)
{
    __builtin_cpu_init();
    if (level == 0)
        return 1;
    if (level == 1)
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vnni") &&
           __builtin_cpu_supports("avx512bf16");
}

/* The parts of the state that only AVX-512 has, as XCR0 numbers them: masks, upper halves, registers 16 to 31. */
enum { AVX512_STATE = 1 << 5 | 1 << 6 | 1 << 7 };

__attribute__((target("xsave"))) void avx512_clear(void)
{
    static _Alignas(64) unsigned char initial[4096]; /* its header has no part: each is set to what it began as */
    if (has(2))
        _xrstor64(initial, AVX512_STATE);
}

__attribute__((target("xsave"))) int avx512_in_use(void)
{
    return has(2) ? (int)_xgetbv(1) & AVX512_STATE : 0;
}

#define WIDEST __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#undef PORTABLE
#define PORTABLE(name, real)                                                                       \
    void name(int64_t n)                                                                           \
    {                                                                                              \
        real a[64];                                                                                \
        volatile real b = 0, c = 0;                                                                \
        for (int j = 0; j < 64; j++)                                                               \
            a[j] = 0;                                                                              \
        for (int64_t i = 0; i < n; i++) {                                                          \
            real d = b, e = c;                                                                     \
            for (int j = 0; j < 64; j++)                                                           \
                a[j] = a[j] * d + e;                                                               \
        }                                                                                          \
        sink = (int64_t)a[0];                                                                      \
    }
/* 64 lanes of plain C; limits.py is told by lanes() what a step is. */
PORTABLE(rate_f32_portable, float)
PORTABLE(rate_f64_portable, double)
int has(int level)
{
    return level == 0;
}
void avx512_clear(void)
{
}
int avx512_in_use(void)
{
    return 0;
}
#define WIDEST
#endif

/* Multiply-adds in a step of the portable rates, of elements of so many bytes. */
int64_t lanes(int64_t size)
{
#if defined(__x86_64__)
    return CHAINS * 16 / size;
#else
    return size ? 64 : 0;
#endif
}

/* Reads bytes (a multiple of 256) `times` over, in as long vectors as there are. */
typedef int64_t line __attribute__((vector_size(64), aligned(64)));

WIDEST void read_all(const void *p, int64_t bytes, int64_t times)
{
    line a = {0}, b = {0}, c = {0}, d = {0};
    for (int64_t t = 0; t < times; t++) {
        const line *q = p;
        for (int64_t i = 0; i < bytes / 64; i += 4) {
            a ^= q[i];
            b ^= q[i + 1];
            c ^= q[i + 2];
            d ^= q[i + 3];
        }
        __asm__ volatile("" : : : "memory"); /* read anew each time */
    }
    a ^= b ^ c ^ d;
    sink = a[0];
}

void copy_all(void *to, const void *from, int64_t bytes, int64_t times)
{
    for (int64_t t = 0; t < times; t++) {
        memcpy(to, from, (size_t)bytes);
        __asm__ volatile("" : : : "memory");
    }
}

/* Writes a byte of every cache line: what was in the caches before is out of them if this is larger than they are. */
void evict(char *p, int64_t bytes)
{
    for (int64_t i = 0; i < bytes; i += 64)
        p[i]++;
}
