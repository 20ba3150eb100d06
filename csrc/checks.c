/* Checks of short arrays: NumPy takes microseconds for the smallest. */
#include "kernels.h"

int rc_all_within_s32(size_t n, const int32_t *a, int32_t low, int32_t high)
{
    int good = 1;
    for (size_t i = 0; i < n; i++)
        good &= a[i] >= low && a[i] <= high;
    return good;
}

int rc_all_within_f32(size_t n, const float *a, float low, float high)
{
    int good = 1;
    for (size_t i = 0; i < n; i++)
        good &= a[i] >= low && a[i] <= high;
    return good;
}

size_t rc_behind_line(const void *a)
{
    return (uintptr_t)a % 64;
}
