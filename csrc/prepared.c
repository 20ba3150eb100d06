/* Calls made ready beforehand, and calls by the kernel: refcompress.h says what for. What has floats is computed in the
 * default mode, and the mode is looked after here, where it takes less time than a call of Python's. */
#include "mode.h"

int rc_call_csr_matmul(const struct rc_csr_matmul_call *c)
{
    uint64_t mode = rc_enter();
    return rc_leave(mode, c->kernel(0, c->a->m, c->n, c->n, c->a, c->x, c->y));
}

int rc_call_gemm_s8s8(const struct rc_gemm_s8s8_call *c)
{
    return c->kernel(0, c->n, c->m, c->n, c->k, c->x, c->w, c->y);
}

int rc_call_gemm_u8s8(const struct rc_gemm_u8s8_call *c)
{
    return c->kernel(0, c->n, c->m, c->n, c->k, c->x, c->w, c->y);
}

int rc_call_gemm_f32narrow(const struct rc_gemm_f32narrow_call *c)
{
    uint64_t mode = rc_enter();
    return rc_leave(mode, c->kernel(0, c->n, c->m, c->ldx, c->ldy, c->x, c->w, c->y));
}

int rc_call_gemm_bf16bf16(const struct rc_gemm_bf16bf16_call *c)
{
    uint64_t mode = rc_enter();
    return rc_leave(mode, c->kernel(0, c->n, c->m, c->n, c->k, c->ldx, c->x, c->w, c->y));
}

int rc_call_gemm_f32f32(const struct rc_gemm_f32f32_call *c)
{
    uint64_t mode = rc_enter();
    return rc_leave(mode, c->kernel(0, c->n, c->m, c->n, c->k, c->k, c->n, c->transposed, c->x, c->w, c->y));
}

int rc_call_gemm_s8s8_requantized(const struct rc_gemm_s8s8_requantized_call *c)
{
    uint64_t mode = rc_enter();
    return rc_leave(mode, c->kernel(0, c->m, 0, c->w->n, c->ldx, c->x, c->w, c->to, c->y));
}

int rc_call_gemm_s8s8_scaled(const struct rc_gemm_s8s8_scaled_call *c)
{
    uint64_t mode = rc_enter();
    return rc_leave(mode, c->kernel(0, c->m, 0, c->w->n, c->ldx, c->x, c->x_scale, c->w, c->w_scale, c->bias, c->y));
}

int rc_call_gemm_s8s4(const struct rc_gemm_s8s4_call *c)
{
    uint64_t mode = rc_enter();
    const struct rc_coded *w = c->w;
    int status = c->lay_x(0, c->m, w->k, w->group, c->ldx, c->x, c->ldl, c->laid, c->sums);
    if (status == RC_OK)
        status = c->kernel(0, c->m, 0, w->n, c->ldl, c->laid ? c->laid : c->x, c->sums, c->x_scale, w, c->y);
    return rc_leave(mode, status);
}

int rc_run_csr_matmul(rc_csr_matmul *kernel, size_t begin, size_t end, size_t width, size_t n, const struct rc_csr *a,
                      const float *x, float *y)
{
    uint64_t mode = rc_enter();
    return rc_leave(mode, kernel(begin, end, width, n, a, x, y));
}

int rc_run_gemm_s8s8(rc_gemm_s8s8 *kernel, size_t begin, size_t end, size_t m, size_t n, size_t k, const int8_t *x,
                     const int8_t *w, int32_t *y)
{
    return kernel(begin, end, m, n, k, x, w, y);
}

int rc_run_gemm_u8s8(rc_gemm_u8s8 *kernel, size_t begin, size_t end, size_t m, size_t n, size_t k, const uint8_t *x,
                     const int8_t *w, int32_t *y)
{
    return kernel(begin, end, m, n, k, x, w, y);
}

int rc_run_gemm_f32narrow(rc_gemm_f32narrow *kernel, size_t begin, size_t end, size_t m, size_t ldx, size_t ldy,
                          const float *x, const struct rc_narrow *w, float *y)
{
    uint64_t mode = rc_enter();
    return rc_leave(mode, kernel(begin, end, m, ldx, ldy, x, w, y));
}

int rc_run_gemm_bf16bf16(rc_gemm_bf16bf16 *kernel, size_t begin, size_t end, size_t m, size_t n, size_t k,
                         size_t ldx, const uint16_t *x, const uint16_t *w, float *y)
{
    uint64_t mode = rc_enter();
    return rc_leave(mode, kernel(begin, end, m, n, k, ldx, x, w, y));
}

int rc_run_gemm_f32f32(rc_gemm_f32f32 *kernel, size_t begin, size_t end, size_t m, size_t n, size_t k, size_t ldx,
                       size_t ldy, int transposed, const float *x, const float *w, float *y)
{
    uint64_t mode = rc_enter();
    return rc_leave(mode, kernel(begin, end, m, n, k, ldx, ldy, transposed, x, w, y));
}

int rc_run_gemm_f32mixed(rc_gemm_f32mixed *kernel, size_t begin, size_t end, size_t m, size_t n, const float *x,
                         const struct rc_quantized *w8, const struct rc_quantized *w16, const int64_t *outputs,
                         float *y)
{
    uint64_t mode = rc_enter();
    return rc_leave(mode, kernel(begin, end, m, n, x, w8, w16, outputs, y));
}

int rc_run_sparse_matmul(rc_sparse_matmul *kernel, size_t begin, size_t end, size_t width, size_t n, int add,
                         const struct rc_sparse *a, const float *x, float *y)
{
    uint64_t mode = rc_enter();
    return rc_leave(mode, kernel(begin, end, width, n, add, a, x, y));
}

int rc_run_sparse_s8s8(rc_sparse_s8s8 *kernel, size_t begin, size_t end, size_t m, size_t n, const int8_t *x,
                       const float *x_scale, const struct rc_sparse *w, const float *bias, float *y)
{
    uint64_t mode = rc_enter();
    return rc_leave(mode, kernel(begin, end, m, n, x, x_scale, w, bias, y));
}

int rc_short_sparse_s8s8(rc_sparse_s8s8 *kernel, size_t m, size_t n, const int8_t *x, const float *x_scale,
                         const struct rc_sparse *w, const float *bias, float *y)
{
    if (!rc_all_within_f32(m, x_scale, FLT_MIN, FLT_MAX))
        return RC_BAD_VALUE;
    return rc_run_sparse_s8s8(kernel, 0, n, m, n, x, x_scale, w, bias, y);
}

int rc_call_sparse_matmul(const struct rc_sparse_matmul_call *c)
{
    uint64_t mode = rc_enter();
    return rc_leave(mode, c->kernel(0, c->m, c->n, c->n, 0, c->a, c->x, c->y));
}

int rc_call_sparse_s8s8(const struct rc_sparse_s8s8_call *c)
{
    uint64_t mode = rc_enter();
    return rc_leave(mode, c->kernel(0, c->n, c->m, c->n, c->x, c->x_scale, c->w, c->bias, c->y));
}

int rc_call_lowrank_matmul(const struct rc_lowrank_matmul_call *c)
{
    return rc_lowrank_gemm_f32f32(c->kernel, c->m, c->n, c->k, c->rank, c->u, c->s, c->vt, c->x, c->inner, c->y);
}

int rc_call_lowrank_sparse_matmul(const struct rc_lowrank_sparse_matmul_call *c)
{
    return rc_short_lowrank_sparse(c->kernel, c->sparse, c->csr, c->m, c->n, c->k, c->rank, c->u, c->s, c->vt, c->of,
                                   c->rows, c->x, c->inner, c->y);
}

int rc_short_lowrank_sparse(rc_gemm_f32f32 *kernel, rc_sparse_matmul *sparse, rc_csr_matmul *csr, size_t m, size_t n,
                            size_t k, size_t rank, const float *u, const float *s, const float *vt,
                            const struct rc_sparse *of, const struct rc_csr *rows, const float *x, float *inner,
                            float *y)
{
    int status = rc_lowrank_gemm_f32f32(kernel, m, n, k, rank, u, s, vt, x, inner, y);
    uint64_t mode = rc_enter();
    if (status == RC_OK && of)
        status = sparse(0, m, n, n, 1, of, x, y);
    else if (status == RC_OK) {
        float *more = inner + rank * n;
        status = csr(0, m, n, n, rows, x, more);
        for (size_t i = 0; i < m * n; i++)
            y[i] = (y[i] + 0.0F) + more[i];
    }
    return rc_leave(mode, status);
}

int rc_short_gemm_f32mixed(rc_gemm_f32mixed *kernel, size_t m, const struct rc_mixed *w, const float *x, float *y)
{
    float ordered[1 << 13];
    uint64_t mode = rc_enter();
    int status;
    if (w->columns) {
        for (size_t i = 0; w->n > 0 && i < m; i++)
            for (size_t p = 0; p < w->k; p++)
                ordered[i * w->k + p] = x[i * w->k + (size_t)w->order[p]];
        status = kernel(0, w->n, m, w->n, ordered, w->low, w->high, w->outputs, y);
    } else {
        status = kernel(0, w->lows, m, w->n, x, w->low, w->none16, w->order, y);
        if (status == RC_OK)
            status = kernel(0, w->n - w->lows, m, w->n, x, w->none8, w->high, w->order + w->lows, y);
    }
    return rc_leave(mode, status);
}

int rc_call_gemm_f32mixed(const struct rc_gemm_f32mixed_call *c)
{
    return rc_short_gemm_f32mixed(c->kernel, c->m, c->w, c->x, c->y);
}

int rc_lowrank_gemm_f32f32(rc_gemm_f32f32 *kernel, size_t m, size_t n, size_t k, size_t rank, const float *u,
                           const float *s, const float *vt, const float *x, float *inner, float *y)
{
    uint64_t mode = rc_enter();
    int status = kernel(0, n, rank, n, k, k, n, 1, vt, x, inner);
    for (size_t r = 0; r < rank; r++)
        for (size_t j = 0; j < n; j++)
            inner[r * n + j] *= s[r];
    if (status == RC_OK)
        status = kernel(0, n, m, n, rank, rank, n, 1, u, inner, y);
    return rc_leave(mode, status);
}

int rc_batch_gemm_f32f32(rc_gemm_f32f32 *kernel, size_t begin, size_t end, size_t m, size_t n, size_t k, const float *x,
                         const float *w, float *y)
{
    int status = RC_OK;
    for (size_t i = begin; i < end && status == RC_OK; i++)
        status = kernel(0, n, m, n, k, k, n, 1, x + i * m * k, w + i * k * n, y + i * m * n);
    return status;
}
