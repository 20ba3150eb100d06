/* gemm_s8s8, right, or with the one bug that BUG names: cc -shared -fPIC -DBUG=READS_PAST gemm_s8s8.c
 * Row o of w gives column o of y: y[i * n + o] = sum over p of x[i * k + p] * w[o * k + p]. */
#include <fenv.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum bug {
    NONE, READS_PAST, READS_BEFORE, WRITES_PAST, WRITES_BEFORE, NULL_AT_33, FIXED_BUFFER, WRITES_INPUT, HANGS_AT_31,
    SLEEPS_AT_65, BAD_STATUS, UNKNOWN_STATUS, EXITS, STATIC_SUMS, LEAKS, LEAVES_MODE, NOT_WRITTEN, CHAR_IS_UNSIGNED,
    SHORT_SUMS, RANGE_PASSED_BY,
};

static volatile int32_t sums[4096]; /* of STATIC_SUMS: one for all threads; else the compiler keeps sums in registers */

static int32_t dot(const int8_t *x, const int8_t *w, size_t k)
{
    int32_t sum = 0;
    for (size_t p = 0; p < k; p++)
        sum += x[p] * w[p];
    return sum;
}

static int32_t dot_in_sixteens(const int8_t *x, const int8_t *w, size_t k)
{
    volatile int32_t sum = 0;
    for (size_t first = 0; first < k; first += 16)
        for (size_t p = first; p < first + 16; p++) {
            int product = x[p] * w[p]; /* loaded whole, and masked then */
            sum += p < k ? product : 0;
        }
    return sum;
}

static int32_t dot_down(const int8_t *x, const int8_t *w, size_t k)
{
    volatile size_t p = k - 1;
    int32_t sum = 0;
    if (k % 32 != 31)
        return dot(x, w, k);
    for (; p >= 0; p--) /* a size_t is never below 0 */
        sum += p < k ? x[p] * w[p] : 0;
    return sum;
}

static int32_t dot_of_a_copy(const int8_t *x, const int8_t *w, size_t k)
{
    int8_t copy[64];
    memcpy(copy, x, k); /* more than 64 do not fit */
    return dot(copy, w, k);
}

int kernel(size_t begin, size_t end, size_t m, size_t n, size_t k, const int8_t *x, const int8_t *w, int32_t *y)
{
    const enum bug bug = BUG;
    if (bug == LEAKS && !memset(malloc(1 << 16), 1, 1 << 16))
        return 0;
    if (bug == EXITS && k == 17)
        exit(0);
    if (bug == NULL_AT_33 && k == 33)
        w = NULL;
    if (bug == SLEEPS_AT_65 && k == 65)
        sleep(3600);
    if (bug == BAD_STATUS && k % 8 == 5)
        return 4;
    if (bug == UNKNOWN_STATUS && n == 5 && m == 3)
        return -1;
    if (bug == NOT_WRITTEN && k == 0)
        return 0;
    if (bug == RANGE_PASSED_BY) {
        end -= begin;
        begin = 0;
    }
    for (size_t i = 0; i < m; i++)
        for (size_t o = begin; o < end; o++) {
            const int8_t *a = x + i * k, *b = w + o * k;
            int32_t *to = y + i * n + o;
            switch (bug) {
            case READS_PAST: *to = dot_in_sixteens(a, b, k); break;
            case HANGS_AT_31: *to = dot_down(a, b, k); break;
            case FIXED_BUFFER: *to = dot_of_a_copy(a, b, k); break;
            case CHAR_IS_UNSIGNED: *to = 0; for (size_t p = 0; p < k; p++) *to += a[p] * (uint8_t)b[p]; break;
            case SHORT_SUMS: *to = (int16_t)dot(a, b, k); break;
            case STATIC_SUMS:
                sums[(i * n + o) % 4096] = 0;
                for (size_t p = 0; p < k; p++)
                    sums[(i * n + o) % 4096] += a[p] * b[p];
                *to = sums[(i * n + o) % 4096];
                break;
            case WRITES_INPUT:
                *to = dot(a, b, k);
                if (k)
                    *(int8_t volatile *)a = *a;
                break;
            default: *to = dot(a, b, k);
            }
        }
    if (bug == READS_BEFORE && m && k)
        (void)*(const int8_t volatile *)(x - 1);
    if (bug == WRITES_PAST && m && end == n && n)
        y[m * n] = 0;
    if (bug == WRITES_BEFORE && m && begin == 0 && end)
        y[-1] = 0;
    if (bug == LEAVES_MODE)
        fesetround(FE_UPWARD);
    return 0;
}
