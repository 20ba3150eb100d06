/* The template with the shortest vectors, for all machines: the bit-level definition. */
#define QUANTIZE_GPTQ rc_quantize_gptq_portable
#define PRUNE_SPARSEGPT rc_prune_sparsegpt_portable
#define PRUNE_OBS rc_prune_obs_portable
#define TARGET
#define LANES 2
#define SIDE 4
#define COLUMNS 2
#define WIDEN(v) __builtin_convertvector(v, VEC)
#include "gptq.h"
#include "obs.h"
#include "sparsegpt.h"
