/* The kernels of planes, as Python sees them: a part of refcompress.h. */
/* Unsigned integers of size bytes (2, 4 or 8) to as many planes of a byte an element, for the elements of the range,
 * and back: plane 0 has the highest byte of each, after its bits were turned. RC_PLANES_ROTATE : by one to the left, so
 * that the highest comes lowest. RC_PLANES_FOLD : the integers of two's complement 0, -1, 1, -2, ... to 0, 1, 2, 3,
 * ... */
enum rc_planes_turn {
    RC_PLANES_AS_IT_IS = 0,
    RC_PLANES_ROTATE = 1,
    RC_PLANES_FOLD = 2,
};
typedef int rc_planes_split(size_t begin, size_t end, size_t size, enum rc_planes_turn turn, const void *patterns,
                            uint8_t *const *planes);
typedef int rc_planes_join(size_t begin, size_t end, size_t size, enum rc_planes_turn turn,
                           const uint8_t *const *planes, void *patterns);
