/* The templates as they are: the bit-level definition. */
#define TARGET
#define SPLIT rc_planes_split_portable
#define JOIN rc_planes_join_portable
#include "planes.h"

#define HUFFMAN_ENCODE rc_huffman_encode_portable
#define HUFFMAN_DECODE rc_huffman_decode_portable
#define PLANES_ENCODE rc_planes_encode_portable
#define PLANES_DECODE rc_planes_decode_portable
#include "coded.h"
