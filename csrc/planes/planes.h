/* Template of elements cut into planes of a byte each, and put together again. Included after these were defined:
 *
 * SPLIT, JOIN          the functions' names
 * TARGET               their instruction set, or nothing
 *
 * As in floats/floats.h there are no intrinsics: loops of a constant length, of which the compiler makes vectors of the
 * length that the target has. words.h has them, once for each size of an element.
 */
#include "../kernels.h"
#include <string.h>

/* Elements a turn: one of the longest vectors of bytes. */
enum { RUN = 64 };

#define WORD uint16_t
#define NAME(function) function##_16
#include "words.h"
#define WORD uint32_t
#define NAME(function) function##_32
#include "words.h"
#define WORD uint64_t
#define NAME(function) function##_64
#include "words.h"

/* The two kernels: each size, and each turn of its bits, has its own loop. */
#define TURNS(function, turn, ...) \
    switch (turn) { \
    case RC_PLANES_AS_IT_IS: function(RC_PLANES_AS_IT_IS, __VA_ARGS__); break; \
    case RC_PLANES_ROTATE: function(RC_PLANES_ROTATE, __VA_ARGS__); break; \
    case RC_PLANES_FOLD: function(RC_PLANES_FOLD, __VA_ARGS__); break; \
    }

TARGET int SPLIT(size_t begin, size_t end, size_t size, enum rc_planes_turn turn, const void *patterns,
                 uint8_t *const *planes)
{
    switch (size) {
    case 2: TURNS(split_16, turn, begin, end, patterns, planes); break;
    case 4: TURNS(split_32, turn, begin, end, patterns, planes); break;
    case 8: TURNS(split_64, turn, begin, end, patterns, planes); break;
    }
    return RC_OK;
}

TARGET int JOIN(size_t begin, size_t end, size_t size, enum rc_planes_turn turn, const uint8_t *const *planes,
                void *patterns)
{
    switch (size) {
    case 2: TURNS(join_16, turn, begin, end, planes, patterns); break;
    case 4: TURNS(join_32, turn, begin, end, planes, patterns); break;
    case 8: TURNS(join_64, turn, begin, end, planes, patterns); break;
    }
    return RC_OK;
}
