/* The template with AVX2: four doubles at a time. */
#include "../kernels.h"
#include <string.h>
#if RC_X86

#include "doubles_avx2.h"
#define VECTORS
#define WANDA rc_prune_score_wanda_avx2
#define TAYLOR rc_prune_score_taylor_avx2
#define MOVEMENT rc_prune_score_movement_avx2
#define OBD rc_prune_score_obd_avx2
#define FISHER rc_prune_score_fisher_avx2
#define APOZ rc_prune_score_apoz_avx2
#define ACTIVATION rc_prune_score_activation_avx2
#include "scores.h"
#endif
