/* The template with the shortest vectors, for all machines: the bit-level definition. */
#define ADAROUND rc_quantize_adaround_portable
#define TARGET
#define LANES 2
#define IN_TURN(v) (void)0
#define WIDEN(v) __builtin_convertvector(v, VEC)
#define AT_LEAST(low, v) select(v < low, low, v)
#define AT_MOST(high, v) select(v > high, high, v)
#define SELECT_LESS(a, b, yes, no) select(a < b, yes, no)
#include "adaround.h"
