/* Sixteen rows are the lanes of two vectors. */
#include "../kernels.h"
#if RC_X86
#define TARGET RC_AVX2
#define WIDTH 8
#define TO_FLOATS(v) ((FLOATS)_mm256_cvtepi32_ps((__m256i)(v)))
#define TO_INTEGERS(v) ((INTS)_mm256_cvttps_epi32((__m256)(v)))
#define LOOK_UP(table, v) ((INTS)_mm256_i32gather_epi32(table, (__m256i)(v), 4))
#define SUM(v) ((v)[0] + (v)[1] + (v)[2] + (v)[3] + (v)[4] + (v)[5] + (v)[6] + (v)[7])
#define ENCODE rc_rangecoder_encode_rows_avx2
#define DECODE rc_rangecoder_decode_rows_avx2
#include "lanes.h"
#endif
