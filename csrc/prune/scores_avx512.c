/* The template with AVX-512: eight doubles at a time. */
#include "../kernels.h"
#include <string.h>
#if RC_X86

#include "doubles_avx512.h"
#define VECTORS
#define WANDA rc_prune_score_wanda_avx512
#define TAYLOR rc_prune_score_taylor_avx512
#define MOVEMENT rc_prune_score_movement_avx512
#define OBD rc_prune_score_obd_avx512
#define FISHER rc_prune_score_fisher_avx512
#define APOZ rc_prune_score_apoz_avx512
#define ACTIVATION rc_prune_score_activation_avx512
#include "scores.h"
#endif
