/* The template with vectors of eight doubles. */
#include "../kernels.h"
#if RC_X86
#define ACTIVATION rc_nn_activation_avx512
#define SOFTMAX rc_nn_softmax_avx512
#define LAYER_NORM rc_nn_layer_norm_avx512
#define RMS_NORM rc_nn_rms_norm_avx512
#define TARGET RC_AVX512
#define LANES 8
#define WIDEN(v) _mm512_cvtps_pd(v)
#include "rows.h"
#endif
