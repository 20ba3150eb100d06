/* The template as it is: the bit-level definition. */
#define PATCHES rc_nn_patches_portable
#define MAX_POOL rc_nn_max_pool_portable
#define AVERAGE_POOL rc_nn_average_pool_portable
#define TARGET
#include "windows.h"
