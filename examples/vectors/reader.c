/* Judges a kernel in C by the vectors of gemm_s8s8, without Python: exit code 1 where it is wrong.
 *
 *     refcompress vectors gemm_s8s8 -o vectors
 *     cc -I"$(refcompress include)" reader.c ../kernels/mine.c -o reader      # -DKERNEL=my_gemm_without_a_tail: refused
 *     ./reader vectors/gemm_s8s8
 *
 * The index has one case a line, and in it the arrays of x, w and the result in this order. Cases with keywords
 * (x_zero_point) are no business of a kernel of this type. Wrong results, the negatives, must be told from right ones.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "refcompress.h"
#ifndef KERNEL
#define KERNEL my_gemm
#endif
rc_gemm_s8s8 KERNEL;

struct array { size_t rows, columns; void *data; };

/* Reads the next array that the line names: a header of 10 bytes and as many as its last two say, then the elements. */
static struct array next_array(const char *folder, char **line, size_t itemsize)
{
    struct array a = {0};
    char path[4096], file[64];
    unsigned char head[10];
    *line = strstr(*line, "{\"array\": \"");
    FILE *f = NULL;
    if (*line && sscanf(*line, "{\"array\": \"%63[^\"]\", \"dtype\": %*[^[][%zu, %zu]", file, &a.rows, &a.columns) == 3) {
        snprintf(path, sizeof path, "%s/%s", folder, file);
        f = fopen(path, "rb");
    }
    if (!f || fread(head, 1, 10, f) != 10 || fseek(f, 10 + head[8] + 256 * head[9], SEEK_SET)) {
        fprintf(stderr, "no array of two dimensions in %s\n", folder);
        exit(2);
    }
    a.data = malloc(a.rows * a.columns * itemsize + 1);
    if (!a.data || fread(a.data, itemsize, a.rows * a.columns, f) != a.rows * a.columns) exit(2);
    fclose(f);
    *line += 1;
    return a;
}

int main(int argc, char **argv)
{
    static char line[1 << 20], path[4096];
    static struct array right[1 << 16];
    int cases = 0, wrong = 0, told = 0, negatives = 0;
    snprintf(path, sizeof path, "%s/index.json", argc > 1 ? argv[1] : ".");
    FILE *index = fopen(path, "r");
    if (!index) return fprintf(stderr, "%s: cannot be read\n", path), 2;
    while (fgets(line, sizeof line, index)) {
        int number;
        char *at = line;
        if (sscanf(line, "{\"case\": \"%d\"", &number) != 1) continue;
        if (!strstr(line, "\"bug\": ")) {
            struct array x = next_array(argv[1], &at, 1), w = next_array(argv[1], &at, 1);
            struct array y = right[number] = next_array(argv[1], &at, 4);
            int32_t *got = calloc(y.rows * y.columns + 1, 4);
            if (!strstr(line, "\"kwargs\": {}")) continue;
            KERNEL(0, w.rows, x.rows, w.rows, x.columns, x.data, w.data, got);
            cases++;
            wrong += memcmp(got, y.data, y.rows * y.columns * 4) != 0;
        } else if (right[number].data && strstr(line, "\"dtype\": \"int32\"")) {
            struct array got = next_array(argv[1], &at, 4), y = right[number];
            negatives++;
            told += got.rows != y.rows || got.columns != y.columns || memcmp(got.data, y.data, y.rows * y.columns * 4);
        }
    }
    printf("%d of %d cases wrong; %d of %d wrong results told from right ones\n", wrong, cases, told, negatives);
    return wrong || !cases || told < negatives;
}
