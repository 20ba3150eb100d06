/* The sizes of a matrix packed as windows; windows.c draws it. */
#include "../kernels.h"

enum {
    RC_WINDOW = 32,   /* elements of x: two vectors of AVX-512 */
    RC_GROUP = 16,    /* rows: the lanes of one */
    RC_GROUPS = 64,   /* of a block */
    RC_BLOCK = RC_GROUP * RC_GROUPS,
};
