/* Sixteen rows are the lanes of one vector. */
#include "../kernels.h"
#if RC_X86
#define TARGET RC_AVX512
#define WIDTH 16
#define TO_FLOATS(v) ((FLOATS)_mm512_cvtepi32_ps((__m512i)(v)))
#define TO_INTEGERS(v) ((INTS)_mm512_cvttps_epi32((__m512)(v)))
#define LOOK_UP(table, v) ((INTS)_mm512_i32gather_epi32((__m512i)(v), table, 4))
#define SUM(v) _mm512_reduce_add_epi32((__m512i)(v))
#define ENCODE rc_rangecoder_encode_rows_avx512
#define DECODE rc_rangecoder_decode_rows_avx512
#include "lanes.h"
#endif
