/* Vectors of floats with AVX2, and a tile that fits its registers, for the templates f32s8.h and f32f32.h. */
#define TARGET RC_AVX2
#define VEC __m256
#define LANES 8
#define MR 3
#define NR 4
#define zero _mm256_setzero_ps
#define load _mm256_loadu_ps
#define store _mm256_storeu_ps
#define set1 _mm256_set1_ps
#define fma _mm256_fmadd_ps

RC_INLINE TARGET __m256i lanes_below(size_t count)
{
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

#define load_some(x, count) _mm256_maskload_ps(x, lanes_below(count))
#define store_some(y, count, v) _mm256_maskstore_ps(y, lanes_below(count), v)
