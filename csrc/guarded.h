/* Arrays of results at pages that may not be touched, as Python sees them: a part of refcompress.h. */
/* NumPy's table of the four functions that give and take the memory of arrays (NEP 49), or NULL where the system has no
 * such pages. Between rc_guarded_begin and rc_guarded_end it places the next `most` arrays of at most 16 MiB before
 * such a page (at_end), or behind one, and fills new memory with a byte. */
const void *rc_guarded_handler(void);
void rc_guarded_begin(size_t most, int at_end, unsigned char poison);
void rc_guarded_end(void);
