/* Calls made ready beforehand: refcompress.h says what for. */
#include "kernels.h"

int rc_call_csr_matmul(const struct rc_csr_matmul_call *c)
{
    return c->kernel(0, c->m, c->n, c->n, c->k, c->nnz, c->indptr, c->indices, c->data, c->x, c->y);
}

int rc_call_gemm_s8s8(const struct rc_gemm_s8s8_call *c)
{
    return c->kernel(0, c->n, c->m, c->n, c->k, c->x, c->w, c->y);
}

int rc_call_gemm_u8s8(const struct rc_gemm_u8s8_call *c)
{
    return c->kernel(0, c->n, c->m, c->n, c->k, c->x, c->w, c->y);
}

int rc_call_gemm_f32s8(const struct rc_gemm_f32s8_call *c)
{
    return c->kernel(0, c->n, c->m, c->n, c->k, c->group, c->stride, c->x, c->w, c->scale, c->zero_point, c->y);
}
