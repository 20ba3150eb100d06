/* Template of an encoder with vectors, which leaves to the portable one what does not fill a step of all lanes.
 * Included after these were defined:
 *
 * ENCODE, TARGET       the function's name, and its instruction set
 * LEAST_LANES          fewer are left to the portable kernel, and so are symbols of 16 bits
 * measure()            add up the bits of each lane, and of all, from step begin to end
 * encode_lanes()       the steps from end down to begin, while there are words for all lanes; returns the step where it
 *                      ended
 */
TARGET int ENCODE(size_t begin, size_t end, size_t count, size_t lanes, size_t alphabet, const uint8_t *lengths,
                  const uint16_t *codes, unsigned longest, int wide, const void *symbols, uint32_t *table,
                  struct rc_huffman_lanes *state, uint16_t *words)
{
#define PORTABLE(from, to) \
    rc_huffman_encode_portable(from, to, count, lanes, alphabet, lengths, codes, longest, wide, symbols, table, state, \
                               words)
    if (wide || lanes < LEAST_LANES)
        return PORTABLE(begin, end);
    if (!words) {
        const size_t full = rc_min(end, count / lanes);
        if (begin >= full)
            return PORTABLE(begin, end);
        int status = begin == 0 ? PORTABLE(0, 0) : RC_OK; /* which fills the table */
        if (status == RC_OK)
            status = measure(begin, full, lanes, symbols, table, state);
        return status == RC_OK ? PORTABLE(full, end) : status;
    }
    /* The steps whose lanes all have a symbol in the next one too; nothing needs to be asked of them. */
    const size_t full = count / lanes ? rc_min(end, count / lanes - 1) : 0;
    if (begin >= full)
        return PORTABLE(begin, end);
    if (full < end) {
        const int status = PORTABLE(full, end);
        if (status != RC_OK)
            return status;
    }
    return PORTABLE(begin, encode_lanes(lanes, begin, full, longest, symbols, table, state, words));
#undef PORTABLE
}
