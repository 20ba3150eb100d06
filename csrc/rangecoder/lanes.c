/* Sixteen rows are the lanes of four vectors, which every processor has. */
#define TARGET
#define WIDTH 4
#define TO_FLOATS(v) __builtin_convertvector(v, FLOATS)
#define TO_INTEGERS(v) __builtin_convertvector(v, INTS)
#define LOOK_UP(table, v) ((INTS){(table)[(v)[0]], (table)[(v)[1]], (table)[(v)[2]], (table)[(v)[3]]})
#define SUM(v) ((v)[0] + (v)[1] + (v)[2] + (v)[3])
#define ENCODE rc_rangecoder_encode_rows_portable
#define DECODE rc_rangecoder_decode_rows_portable
#include "lanes.h"
