/* The template with vectors of four doubles. */
#include "../kernels.h"
#if RC_X86
#define QUANTIZE_GPTQ rc_quantize_gptq_avx2
#define PRUNE_SPARSEGPT rc_prune_sparsegpt_avx2
#define PRUNE_OBS rc_prune_obs_avx2
#define TARGET RC_AVX2
#define LANES 4
#define SIDE 4
#define COLUMNS 2
#define WIDEN(v) _mm256_cvtps_pd(v)
#include "gptq.h"
#include "obs.h"
#include "sparsegpt.h"
#endif
