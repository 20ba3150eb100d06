/* The templates with AVX-512: one instruction from words to their lowest bytes, and one back, so that it is twice to
 * four times as fast. (With AVX2 the compiler's vectors took longer than the portable ones: bytes of one vector lie in
 * two halves.) */
#include "../kernels.h"
#if RC_X86

#define TARGET RC_AVX512
#define SPLIT rc_planes_split_avx512
#define JOIN rc_planes_join_avx512
#include "planes.h"

#define HUFFMAN_ENCODE rc_huffman_encode_avx512
#define HUFFMAN_DECODE rc_huffman_decode_avx512
#define HUFFMAN_DECODE_COUNTED rc_huffman_avx512_counted
#define PLANES_ENCODE rc_planes_encode_avx512
#define PLANES_DECODE rc_planes_decode_avx512
#include "coded.h"
#endif
