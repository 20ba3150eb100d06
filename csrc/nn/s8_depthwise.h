/* Template of the depthwise convolution in plain loops: 64 channels at a time. Included behind s8.h, after
 * DEPTHWISE, its name, was defined too. */

TARGET int DEPTHWISE(size_t begin, size_t end, const struct rc_windows *windows, const int8_t *x,
                                 const int8_t *weight, const struct rc_to_s8 *how, int8_t *y)
{
    const struct rc_windows of = *windows;
    const struct rc_to_s8 to = *how;
    for (size_t c0 = 0; c0 < of.c; c0 += BLOCK) {
        const size_t width = rc_min(of.c - c0, BLOCK);
        double scale[BLOCK];
        const int in_double = block_scales(&to, c0, width, (int64_t)(of.h * of.w) << 14, scale);
        for (size_t r = begin; r < end; r++)
            for (size_t s = 0; s < of.out_columns; s++) {
                int32_t sums[BLOCK] = {0};
                memcpy(sums, to.bias + c0, width * sizeof *sums);
                for (size_t u = 0; u < of.h; u++)
                    for (size_t v = 0; v < of.w; v++) {
                        const int8_t *w = weight + (u * of.w + v) * of.c + c0;
                        const int8_t *from = element(&of, x, r, s, u, v);
                        if (from && width == BLOCK)
                            for (size_t c = 0; c < BLOCK; c++)
                                sums[c] += from[c0 + c] * w[c];
                        else
                            for (size_t c = 0; c < width; c++)
                                sums[c] += (from ? from[c0 + c] : of.fill) * w[c];
                    }
                block_to_s8(sums, &to, c0, in_double, scale, width, y + (r * of.out_columns + s) * of.c + c0);
            }
    }
    return RC_OK;
}
