/* A function for each size of a tile: where many were inlined into one, GCC 12 stored all sums in every step. */
typedef void tile_function(const struct tile *t);
#define TILE(x_unsigned, mr, nv) \
    static TARGET void NAME(tile_##x_unsigned##_##mr##_##nv)(const struct tile *t) \
    { \
        tile(x_unsigned, mr, nv, t); \
    }
#define TILES(x_unsigned, mr) TILE(x_unsigned, mr, 1) TILE(x_unsigned, mr, 2) TILE(x_unsigned, mr, 3)
#define NAMED(x_unsigned, mr) \
    {NAME(tile_##x_unsigned##_##mr##_1), NAME(tile_##x_unsigned##_##mr##_2), NAME(tile_##x_unsigned##_##mr##_3)},
ALL_ROWS(TILES, 0)
ALL_ROWS(TILES, 1)
static tile_function *const NAME(tiles)[2][MR][NV] = {{ALL_ROWS(NAMED, 0)}, {ALL_ROWS(NAMED, 1)}};
