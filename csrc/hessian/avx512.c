/* The template with vectors of eight doubles, and twice as many registers: all of a panel's columns at once. */
#include "../kernels.h"
#if RC_X86
#define QUANTIZE_GPTQ rc_quantize_gptq_avx512
#define PRUNE_SPARSEGPT rc_prune_sparsegpt_avx512
#define PRUNE_OBS rc_prune_obs_avx512
#define TARGET RC_AVX512
#define LANES 8
#define SIDE 2
#define COLUMNS 8
#define WIDEN(v) _mm512_cvtps_pd(v)
#include "gptq.h"
#include "obs.h"
#include "sparsegpt.h"
#endif
