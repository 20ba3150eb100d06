/* Calls made ready beforehand, as Python sees them: a part of refcompress.h. */
/* A whole call of a product in one argument, made ready beforehand: where it has eight rows and eight columns, to hand
 * over its operands one by one takes longer than the work. rc_call_<operation> runs the kernel on all of its rows, in
 * the default mode (below). */
struct rc_csr_matmul_call {
    rc_csr_matmul *kernel;
    size_t n;
    const struct rc_csr *a;
    const float *x;
    float *y;
};
struct rc_gemm_s8s8_call {
    rc_gemm_s8s8 *kernel;
    size_t m, n, k;
    const int8_t *x, *w;
    int32_t *y;
};
struct rc_gemm_u8s8_call {
    rc_gemm_u8s8 *kernel;
    size_t m, n, k;
    const uint8_t *x;
    const int8_t *w;
    int32_t *y;
};
struct rc_gemm_f32narrow_call {
    rc_gemm_f32narrow *kernel;
    size_t n, m, ldx, ldy;
    const float *x;
    const struct rc_narrow *w;
    float *y;
};
struct rc_gemm_bf16bf16_call {
    rc_gemm_bf16bf16 *kernel;
    size_t m, n, k, ldx;
    const uint16_t *x, *w;
    float *y;
};
struct rc_gemm_f32f32_call {
    rc_gemm_f32f32 *kernel;
    size_t m, n, k;
    int transposed;
    const float *x, *w;
    float *y;
};
struct rc_gemm_s8s8_requantized_call {
    rc_gemm_s8s8_requantized *kernel;
    size_t m, ldx;
    const int8_t *x;
    const struct rc_packed_s8 *w;
    const struct rc_to_s8 *to;
    int8_t *y;
};
struct rc_gemm_s8s8_scaled_call {
    rc_gemm_s8s8_scaled *kernel;
    size_t m, ldx;
    const int8_t *x;
    const float *x_scale;
    const struct rc_packed_s8 *w;
    const float *w_scale, *bias;
    float *y;
};
struct rc_gemm_s8s4_call { /* and of gemm_s8lut4; lay_x makes sums, and laid of x unless that is NULL: then it is x */
    rc_gemm_s8s4 *kernel;
    rc_gemm_s8_lay *lay_x;
    size_t m, ldx, ldl;
    const int8_t *x;
    int8_t *laid;
    int32_t *sums;
    const float *x_scale;
    const struct rc_coded *w;
    float *y;
};
struct rc_gemm_f32mixed_call {
    rc_gemm_f32mixed *kernel;
    size_t m;
    const struct rc_mixed *w;
    const float *x;
    float *y;
};
struct rc_sparse_matmul_call {
    rc_sparse_matmul *kernel;
    size_t m, n;
    const struct rc_sparse *a;
    const float *x;
    float *y;
};
struct rc_sparse_s8s8_call {
    rc_sparse_s8s8 *kernel;
    size_t m, n;
    const int8_t *x;
    const float *x_scale;
    const struct rc_sparse *w;
    const float *bias;
    float *y;
};
struct rc_lowrank_matmul_call { /* the operands of rc_lowrank_gemm_f32f32, below */
    rc_gemm_f32f32 *kernel;
    size_t m, n, k, rank;
    const float *u, *s, *vt, *x;
    float *inner, *y;
};
struct rc_lowrank_sparse_matmul_call { /* those of rc_short_lowrank_sparse */
    rc_gemm_f32f32 *kernel;
    rc_sparse_matmul *sparse;
    rc_csr_matmul *csr;
    size_t m, n, k, rank;
    const float *u, *s, *vt;
    const struct rc_sparse *of;
    const struct rc_csr *rows;
    const float *x;
    float *inner, *y;
};
int rc_call_csr_matmul(const struct rc_csr_matmul_call *call);
int rc_call_gemm_s8s8(const struct rc_gemm_s8s8_call *call);
int rc_call_gemm_u8s8(const struct rc_gemm_u8s8_call *call);
int rc_call_gemm_f32narrow(const struct rc_gemm_f32narrow_call *call);
int rc_call_gemm_bf16bf16(const struct rc_gemm_bf16bf16_call *call);
int rc_call_gemm_f32f32(const struct rc_gemm_f32f32_call *call);
int rc_call_gemm_s8s8_requantized(const struct rc_gemm_s8s8_requantized_call *call);
int rc_call_gemm_s8s8_scaled(const struct rc_gemm_s8s8_scaled_call *call);
int rc_call_gemm_s8s4(const struct rc_gemm_s8s4_call *call);
int rc_call_gemm_f32mixed(const struct rc_gemm_f32mixed_call *call);
int rc_call_sparse_matmul(const struct rc_sparse_matmul_call *call);
int rc_call_sparse_s8s8(const struct rc_sparse_s8s8_call *call);
int rc_call_lowrank_matmul(const struct rc_lowrank_matmul_call *call);
int rc_call_lowrank_sparse_matmul(const struct rc_lowrank_sparse_matmul_call *call);

/* A call by the kernel, in the default mode: Python calls a function that it knows by name in less than half the time
 * that a pointer takes it. */
int rc_run_csr_matmul(rc_csr_matmul *kernel, size_t begin, size_t end, size_t width, size_t n, const struct rc_csr *a,
                      const float *x, float *y);
int rc_run_gemm_s8s8(rc_gemm_s8s8 *kernel, size_t begin, size_t end, size_t m, size_t n, size_t k, const int8_t *x,
                     const int8_t *w, int32_t *y);
int rc_run_gemm_u8s8(rc_gemm_u8s8 *kernel, size_t begin, size_t end, size_t m, size_t n, size_t k, const uint8_t *x,
                     const int8_t *w, int32_t *y);
int rc_run_gemm_f32narrow(rc_gemm_f32narrow *kernel, size_t begin, size_t end, size_t m, size_t ldx, size_t ldy,
                          const float *x, const struct rc_narrow *w, float *y);
int rc_run_gemm_bf16bf16(rc_gemm_bf16bf16 *kernel, size_t begin, size_t end, size_t m, size_t n, size_t k,
                         size_t ldx, const uint16_t *x, const uint16_t *w, float *y);
int rc_run_gemm_f32f32(rc_gemm_f32f32 *kernel, size_t begin, size_t end, size_t m, size_t n, size_t k, size_t ldx,
                       size_t ldy, int transposed, const float *x, const float *w, float *y);
int rc_run_gemm_f32mixed(rc_gemm_f32mixed *kernel, size_t begin, size_t end, size_t m, size_t n, const float *x,
                         const struct rc_quantized *w8, const struct rc_quantized *w16, const int64_t *outputs,
                         float *y);
int rc_run_sparse_matmul(rc_sparse_matmul *kernel, size_t begin, size_t end, size_t width, size_t n, int add,
                         const struct rc_sparse *a, const float *x, float *y);
int rc_run_sparse_s8s8(rc_sparse_s8s8 *kernel, size_t begin, size_t end, size_t m, size_t n, const int8_t *x,
                       const float *x_scale, const struct rc_sparse *w, const float *bias, float *y);
/* All rows, and the scales of x checked before: RC_BAD_VALUE where one is not finite, or below 2^-126. */
int rc_short_sparse_s8s8(rc_sparse_s8s8 *kernel, size_t m, size_t n, const int8_t *x, const float *x_scale,
                         const struct rc_sparse *w, const float *bias, float *y);

/* y = u (s (vt x)) by gemm_f32f32, transposed: x : k rows of n; vt : rank rows of k; u : m rows of rank; inner : rank
 * rows of n, to which s (vt x) goes. */
int rc_lowrank_gemm_f32f32(rc_gemm_f32f32 *kernel, size_t m, size_t n, size_t k, size_t rank, const float *u,
                           const float *s, const float *vt, const float *x, float *inner, float *y);

/* The same, and then the product by a sparse matrix added to y: by `of`, or where that is NULL by `rows`, whose product
 * comes first to the m rows of n that lie behind inner. */
int rc_short_lowrank_sparse(rc_gemm_f32f32 *kernel, rc_sparse_matmul *sparse, rc_csr_matmul *csr, size_t m, size_t n,
                            size_t k, size_t rank, const float *u, const float *s, const float *vt,
                            const struct rc_sparse *of, const struct rc_csr *rows, const float *x, float *inner,
                            float *y);

/* gemm_f32f32, transposed, of the matrices of the range: y[i] = x[i] w[i], of m by k and k by n, side by side. Of the
 * many small products of attention, a call of each would take longer than its work. */
int rc_batch_gemm_f32f32(rc_gemm_f32f32 *kernel, size_t begin, size_t end, size_t m, size_t n, size_t k, const float *x,
                         const float *w, float *y);
