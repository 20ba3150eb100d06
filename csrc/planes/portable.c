/* The template as it is: the bit-level definition. */
#define TARGET
#define SPLIT rc_planes_split_portable
#define JOIN rc_planes_join_portable
#include "planes.h"
