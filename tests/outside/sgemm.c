/* The BLAS routine sgemm on gemm_f32f32, so that netlib's tester can test it: C = alpha op(A) op(B) + beta C.
 *
 * Matrices lie by columns, as in Fortran. The kernel takes rows of op(A), and rows of op(B)^T or of op(B) (transposed):
 * they are copied. alpha and beta are the shim's. The level and the form come from the environment, because the tester
 * calls nothing else. Built together with csrc/ as libblas.so.3; the tester's other five routines are there by name.
 */
#include <ctype.h>
#include <stdlib.h>

#include "refcompress.h"

void xerbla_(const char *name, const int *position, int length); /* the tester's: it wants to be called */

#define UNTESTED(name)                                                                             \
    void name(void)                                                                                \
    {                                                                                              \
        abort();                                                                                   \
    }
UNTESTED(ssymm_)
UNTESTED(strmm_)
UNTESTED(strsm_)
UNTESTED(ssyrk_)
UNTESTED(ssyr2k_)

static size_t from_environment(const char *name)
{
    const char *text = getenv(name);
    return text ? (size_t)atoi(text) : 0;
}

static int at_least(int a, int b)
{
    return a >= (b > 1 ? b : 1);
}

/* Which argument is bad, counted from 1; 0 if none is. */
static int bad_argument(char a, char b, int m, int n, int k, int lda, int ldb, int ldc)
{
    if (a != 'N' && a != 'T' && a != 'C')
        return 1;
    if (b != 'N' && b != 'T' && b != 'C')
        return 2;
    if (m < 0)
        return 3;
    if (n < 0)
        return 4;
    if (k < 0)
        return 5;
    if (!at_least(lda, a == 'N' ? m : k))
        return 8;
    if (!at_least(ldb, b == 'N' ? k : n))
        return 10;
    return at_least(ldc, m) ? 0 : 13;
}

/* Return a new copy of rows by columns: element [i, j] from i * down + j * across. */
static float *copied(const float *from, size_t rows, size_t columns, size_t down, size_t across)
{
    float *to = malloc((rows * columns + 1) * sizeof *to);
    if (!to)
        abort();
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            to[i * columns + j] = from[i * down + j * across];
    return to;
}

void sgemm_(const char *transa, const char *transb, const int *m_, const int *n_, const int *k_, const float *alpha,
            const float *a, const int *lda, const float *b, const int *ldb, const float *beta, float *c, const int *ldc)
{
    char ta = (char)toupper(*transa), tb = (char)toupper(*transb);
    int bad = bad_argument(ta, tb, *m_, *n_, *k_, *lda, *ldb, *ldc);
    if (bad) {
        xerbla_("SGEMM ", &bad, 6);
        return;
    }
    size_t m = (size_t)*m_, n = (size_t)*n_, k = *alpha == 0 ? 0 : (size_t)*k_, la = (size_t)*lda, lb = (size_t)*ldb;
    if (!m || !n)
        return;
    int transposed = (int)from_environment("SGEMM_TRANSPOSED");
    float *x = ta == 'N' ? copied(a, m, k, 1, la) : copied(a, m, k, la, 1);
    size_t down = tb == 'N' ? 1 : lb, across = tb == 'N' ? lb : 1; /* in B, of p and of o */
    float *w = transposed ? copied(b, k, n, down, across) : copied(b, n, k, across, down);
    float *y = malloc(m * n * sizeof *y);
    const struct rc_kernels *row = rc_kernels_at(from_environment("SGEMM_LEVEL"));
    if (!y || !row || row->gemm_f32f32(0, n, m, n, k, k, n, transposed, x, w, y) != RC_OK)
        abort();
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < m; i++) {
            float *to = c + i + j * (size_t)*ldc;
            *to = *alpha * y[i * n + j] + (*beta == 0 ? 0 : *beta * *to); /* C may hold a NaN where beta is 0 */
        }
    free(x);
    free(w);
    free(y);
}
