/* What a weight or a unit matters: one product or quotient each. */
#include "../kernels.h"
#include <string.h>

#define TARGET
#define WANDA rc_prune_score_wanda_portable
#define TAYLOR rc_prune_score_taylor_portable
#define MOVEMENT rc_prune_score_movement_portable
#define OBD rc_prune_score_obd_portable
#define FISHER rc_prune_score_fisher_portable
#define APOZ rc_prune_score_apoz_portable
#define ACTIVATION rc_prune_score_activation_portable
#include "scores.h"
