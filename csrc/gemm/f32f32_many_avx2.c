/* Many rows of x by rows of w in float32: tiles of 3 x 4 elements, which go over their block of inputs twice. */
#include "../kernels.h"
#if RC_X86
#include "../vec_avx2.h"
#include <string.h>

#define MANY rc_f32f32_avx2_many
#define MR 3
#define NR 4
#include "f32f32_many.h"
#endif
