/* Vectors of floats with AVX-512, and a tile that fits its registers, for the templates f32s8.h and f32f32.h. */
#define TARGET RC_AVX512
#define VEC __m512
#define LANES 16
#define MR 4
#define NR 6
#define zero _mm512_setzero_ps
#define load _mm512_loadu_ps
#define store _mm512_storeu_ps
#define set1 _mm512_set1_ps
#define fma _mm512_fmadd_ps
#define load_some(x, count) _mm512_maskz_loadu_ps((__mmask16)((1u << (count)) - 1), x)
#define store_some(y, count, v) _mm512_mask_storeu_ps(y, (__mmask16)((1u << (count)) - 1), v)
