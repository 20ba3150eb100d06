/* The template with the shortest vectors, for all machines: the bit-level definition. */
#define ACTIVATION rc_nn_activation_portable
#define SOFTMAX rc_nn_softmax_portable
#define LAYER_NORM rc_nn_layer_norm_portable
#define RMS_NORM rc_nn_rms_norm_portable
#define TARGET
#define LANES 2
#define WIDEN(v) __builtin_convertvector(v, VEC)
#include "rows.h"
