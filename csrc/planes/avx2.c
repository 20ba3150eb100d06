/* Streams of planes with the Huffman coder of AVX2. */
#include "../kernels.h"
#if RC_X86

#define SPLIT rc_planes_split_portable
#define JOIN rc_planes_join_portable
#define HUFFMAN_ENCODE rc_huffman_encode_avx2
#define HUFFMAN_DECODE rc_huffman_decode_avx2
#define PLANES_ENCODE rc_planes_encode_avx2
#define PLANES_DECODE rc_planes_decode_avx2
#include "coded.h"
#endif
