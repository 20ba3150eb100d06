/* Two kernels of somebody's own for gemm_s8s8: one is right, and one forgets what no whole vector of inputs holds.
 *
 *     cc -O2 -shared -fPIC -I"$(refcompress include)" mine.c -o mine.so
 *     refcompress check gemm_s8s8 ./mine.so:my_gemm                   # agrees
 *     refcompress check gemm_s8s8 ./mine.so:my_gemm_without_a_tail    # does not, and on which input
 *
 * The type of a kernel is rc_<operation>, in csrc/<family>/api.h; the comment above it says what it must do. Python has
 * checked all arguments before it is called: arrays are C-contiguous, sizes fit each other. It computes the columns
 * begin .. end of y, for a thread has its own, and returns RC_OK.
 */
#include "refcompress.h"

/* The compiler says where a kernel has another type than its operation. */
rc_gemm_s8s8 my_gemm, my_gemm_without_a_tail;

static void product(size_t begin, size_t end, size_t m, size_t n, size_t k, size_t inputs, const int8_t *x,
                    const int8_t *w, int32_t *y)
{
    for (size_t i = 0; i < m; i++) {
        for (size_t o = begin; o < end; o++) {
            int32_t sum = 0;
            for (size_t p = 0; p < inputs; p++) {
                sum += x[i * k + p] * w[o * k + p];
            }
            y[i * n + o] = sum;
        }
    }
}

int my_gemm(size_t begin, size_t end, size_t m, size_t n, size_t k, const int8_t *x, const int8_t *w, int32_t *y)
{
    product(begin, end, m, n, k, k, x, w, y);
    return RC_OK;
}

int my_gemm_without_a_tail(size_t begin, size_t end, size_t m, size_t n, size_t k, const int8_t *x, const int8_t *w,
                           int32_t *y)
{
    product(begin, end, m, n, k, k - k % 16, x, w, y); /* 16 inputs are a vector; those behind the last one are lost */
    return RC_OK;
}
