/* The template with vectors of four doubles. */
#include "../kernels.h"
#if RC_X86
#define ACTIVATION rc_nn_activation_avx2
#define SOFTMAX rc_nn_softmax_avx2
#define LAYER_NORM rc_nn_layer_norm_avx2
#define RMS_NORM rc_nn_rms_norm_avx2
#define TARGET RC_AVX2
#define LANES 4
#define WIDEN(v) _mm256_cvtps_pd(v)
#include "rows.h"
#endif
