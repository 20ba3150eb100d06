/* The kernels of the products with narrow weights: which decoder serves which weights. Included after f32narrow.h;
 * DECODER makes the functions of a decoder, KERNEL the function of an operation. */

/* The span of a decoder for groups of `group` inputs. */
#define LEAST(group) ((group) < UNIT ? (group) : UNIT)

/* A decoder: its functions. */
#define CHAINS(name, m, ...) \
    static TARGET void chains_##name##_##m(const struct rc_narrow *w, const struct tables *t, const size_t *rows, \
                                           const float *const *x, size_t p0, size_t p1, float *acc) \
    { \
        const struct how how = {__VA_ARGS__, m <= 4}; \
        decode_and_multiply(how, m, w, t, rows, x, p0, p1, acc); \
    }
#if AT_ONCE == 8
#define MORE_CHAINS(name, ...) \
    CHAINS(name, 2, __VA_ARGS__) \
    CHAINS(name, 4, __VA_ARGS__) \
    CHAINS(name, 8, __VA_ARGS__)
#define ALL_CHAINS(name) {chains_##name##_1, chains_##name##_2, chains_##name##_4, chains_##name##_8}
#else
#define MORE_CHAINS(name, ...) \
    CHAINS(name, 2, __VA_ARGS__) \
    CHAINS(name, 4, __VA_ARGS__)
#define ALL_CHAINS(name) {chains_##name##_1, chains_##name##_2, chains_##name##_4}
#endif
#define DECODER(name, ...) \
    static TARGET void pack_##name(const struct rc_narrow *w, const struct tables *t, size_t o, size_t p0, size_t p1, \
                                   float *out, size_t step) \
    { \
        const struct how how = {__VA_ARGS__, 0}; \
        decode_row(how, w, t, o, p0, p1, out, step); \
    } \
    CHAINS(name, 1, __VA_ARGS__) \
    MORE_CHAINS(name, __VA_ARGS__) \
    static const struct functions name##_functions = {pack_##name, ALL_CHAINS(name), SLICED_OF(__VA_ARGS__)};

#define SLICED_OF(op, form, span) \
    ((form) == IN_TABLE ? SLICED_IN_TABLE : (op) == F16 || (op) == BF16 ? SLICED_16 : SLICED)

/* And the one of an operation for what no decoder is made for. */
#define EACH(name, op) \
    static TARGET void pack_each_##name(const struct rc_narrow *w, const struct tables *t, size_t o, size_t p0, \
                                        size_t p1, float *out, size_t step) \
    { \
        (void)t; \
        decode_each(op, w, o, p0, p1, out, step); \
    } \
    static const struct functions each_##name##_functions = {pack_each_##name, {NULL}, 0};

DECODER(f16, F16, PLAIN, UNIT)
DECODER(bf16, BF16, PLAIN, UNIT)
DECODER(fp8, FP8, IN_TABLE, UNIT)
DECODER(s8, S8, PLAIN, UNIT)
DECODER(s8_less, S8, LESS, UNIT)
DECODER(s8_32, S8, SCALED, LEAST(32))
DECODER(s8_64, S8, SCALED, LEAST(64))
DECODER(s8_less_16, S8, LESS_SCALED, 16)
DECODER(s8_less_32, S8, LESS_SCALED, LEAST(32))
DECODER(s8_less_64, S8, LESS_SCALED, LEAST(64))
DECODER(s4_32, S4, NIBBLES, LEAST(32))
DECODER(s4_64, S4, NIBBLES, LEAST(64))
DECODER(s4_less_16, S4, LESS_NIBBLES, 16)
DECODER(s4_less_32, S4, LESS_NIBBLES, LEAST(32))
DECODER(s4_less_64, S4, LESS_NIBBLES, LEAST(64))
DECODER(lut4, LUT4, NIBBLES, LEAST(64))
DECODER(lut4_bytes, LUT4, PLAIN, LEAST(64))
DECODER(lut8_32, LUT8, THIRTY_TWO, LEAST(64))
DECODER(lut8, LUT8, IN_TABLE, LEAST(64))
DECODER(nf4_32, NF4, NIBBLES, LEAST(32))
DECODER(nf4_64, NF4, NIBBLES, LEAST(64))
DECODER(nf4_bytes_32, NF4, PLAIN, LEAST(32))
DECODER(nf4_bytes_64, NF4, PLAIN, LEAST(64))
DECODER(mx4, MX, NIBBLES, LEAST(32))
DECODER(mx4_bytes, MX, PLAIN, LEAST(32))
DECODER(mx8, MX, IN_TABLE, LEAST(32))
DECODER(nvfp4, NVFP4, NIBBLES, 16)
DECODER(nvfp4_bytes, NVFP4, PLAIN, 16)
EACH(s8, S8)
EACH(s4, S4)
EACH(lut4, LUT4)
EACH(lut8, LUT8)
EACH(nf4, NF4)

/* Whether a decoder may shift for the group of an input, finds as many inputs in a group as it needs, and need not look
 * for overflow. */
RC_INLINE int regular(const struct rc_narrow *w, size_t least)
{
    return !w->clipped && (w->group >= w->k || (w->group >= least && (w->group & (w->group - 1)) == 0));
}

#define WITH(scaled, name) products(scaled, c, &name##_functions)
#define WITHOUT(name) products(0, c, &each_##name##_functions)

RC_INLINE TARGET void choose_s8(const struct call *c)
{
    const struct rc_narrow *w = c->w;
    if (scales_sums(S8, w) && w->zeros)
        WITH(1, s8);
    else if (scales_sums(S8, w))
        WITH(1, s8_less);
    else if (!regular(w, 16))
        WITHOUT(s8);
    else if (w->group == 16)
        WITH(0, s8_less_16);
    else if (w->group == 32 && w->zeros)
        WITH(0, s8_32);
    else if (w->group == 32)
        WITH(0, s8_less_32);
    else if (w->zeros)
        WITH(0, s8_64);
    else
        WITH(0, s8_less_64);
}

RC_INLINE TARGET void choose_s4(const struct call *c)
{
    const struct rc_narrow *w = c->w;
    if (!regular(w, 16))
        WITHOUT(s4);
    else if (w->group == 16)
        WITH(0, s4_less_16);
    else if (w->group == 32 && w->zeros)
        WITH(0, s4_32);
    else if (w->group == 32)
        WITH(0, s4_less_32);
    else if (w->zeros)
        WITH(0, s4_64);
    else
        WITH(0, s4_less_64);
}

RC_INLINE TARGET void choose_lut4(const struct call *c)
{
    if (!regular(c->w, 64))
        WITHOUT(lut4);
    else if (c->w->nibbles)
        WITH(0, lut4);
    else
        WITH(0, lut4_bytes);
}

RC_INLINE TARGET void choose_lut8(const struct call *c)
{
    const struct rc_narrow *w = c->w;
    if (regular(w, 64) && w->entries <= 16)
        choose_lut4(c);
    else if (regular(w, 64) && w->entries <= IN_REGISTERS)
        WITH(0, lut8_32);
    else if (!w->stride)
        WITH(0, lut8);
    else
        WITHOUT(lut8);
}

RC_INLINE TARGET void choose_nf4(const struct call *c)
{
    const struct rc_narrow *w = c->w;
    if (!regular(w, 32))
        WITHOUT(nf4);
    else if (w->group == 32 && w->nibbles)
        WITH(0, nf4_32);
    else if (w->group == 32)
        WITH(0, nf4_bytes_32);
    else if (w->nibbles)
        WITH(0, nf4_64);
    else
        WITH(0, nf4_bytes_64);
}

RC_INLINE TARGET void choose_mx(const struct call *c)
{
    if (c->w->type != RC_NARROW_E2M1)
        WITH(0, mx8);
    else if (c->w->nibbles)
        WITH(0, mx4);
    else
        WITH(0, mx4_bytes);
}

RC_INLINE TARGET void choose_nvfp4(const struct call *c)
{
    if (c->w->nibbles)
        WITH(0, nvfp4);
    else
        WITH(0, nvfp4_bytes);
}

RC_INLINE TARGET void choose_f16(const struct call *c)
{
    WITH(0, f16);
}

RC_INLINE TARGET void choose_bf16(const struct call *c)
{
    WITH(0, bf16);
}

RC_INLINE TARGET void choose_fp8(const struct call *c)
{
    WITH(0, fp8);
}

/* The structure is copied: for all that the compiler knows, a store of a vector could change the caller's. */
#define KERNEL(function, op, name) \
    TARGET int function(size_t begin, size_t end, size_t m, size_t ldx, size_t ldy, const float *x, \
                        const struct rc_narrow *w, float *y) \
    { \
        struct tables t; \
        const struct rc_narrow all = *w; \
        const size_t scale_bytes = (op) == MX || (op) == NVFP4 ? 1 : sizeof(float); \
        const struct call call = {begin, end, m, ldx, ldy, width_of(op, all.nibbles), scale_bytes, x, &all, &t, y}; \
        fill(op, &all, &t); \
        choose_##name(&call); \
        return RC_OK; \
    }
