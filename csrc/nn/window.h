/* Where a kernel lies on an image: what the templates of windows and of depthwise convolutions share. */
#include "../kernels.h"
#include <string.h>

/* The cells from..to of one axis of a kernel, whose first cell lies at first, that lie on the image. */
struct span {
    size_t from, to;
};

RC_INLINE size_t steps_of(int64_t distance, int64_t dilation)
{
    return (size_t)(dilation == 1 ? distance : distance / dilation); /* a division takes its time */
}

RC_INLINE struct span on_image(int64_t first, int64_t dilation, size_t cells, size_t size)
{
    struct span s = {0, 0};
    if (first < (int64_t)size) {
        s.to = rc_min(cells, steps_of((int64_t)size - 1 - first, dilation) + 1);
        s.from = first < 0 ? rc_min(s.to, steps_of(-first + dilation - 1, dilation)) : 0;
    }
    return s;
}

/* Where the first cell of a kernel lies: before the image where it is negative. */
RC_INLINE int64_t first_row(const struct rc_window *w, size_t place)
{
    return (int64_t)(place * w->row_stride) - (int64_t)w->top;
}

RC_INLINE int64_t first_column(const struct rc_window *w, size_t place)
{
    return (int64_t)(place * w->column_stride) - (int64_t)w->left;
}

/* The index of a row or column under a cell that lies on the image. */
RC_INLINE size_t under(int64_t first, size_t dilation, size_t cell)
{
    return (size_t)(first + (int64_t)(dilation * cell));
}
