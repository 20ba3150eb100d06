/* Floats are computed in the default mode of the floating-point unit. Where a call is short, C looks after the mode: it
 * takes less time than a call of Python's. */
#ifndef REFCOMPRESS_MODE_H
#define REFCOMPRESS_MODE_H
#include "kernels.h"

/* The mode that was found; the default one is set. */
static inline uint64_t rc_enter(void)
{
    uint64_t mode = rc_mode();
    if (mode)
        rc_set_mode(0);
    return mode;
}

/* The status; the mode that was found is set again. */
static inline int rc_leave(uint64_t mode, int status)
{
    if (mode)
        rc_set_mode(mode);
    return status;
}
#endif
