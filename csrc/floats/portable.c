/* The template as it is: the bit-level definition. */
#include "floats.h"

RC_FLOATS_KERNELS(portable, )
