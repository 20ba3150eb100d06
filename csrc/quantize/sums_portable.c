/* requantize_s32: the bit-level definition. */
#include "../kernels.h"
#include <string.h>

#define TARGET
#define REQUANTIZE rc_requantize_s32_portable
#include "sums_loops.h"
#include "sums.h"
