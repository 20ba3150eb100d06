/* The end of an element's sixteen chains (README.md draws them), for the templates of f32narrow, f32mixed and f32f32.
 * TARGET is theirs. */

/* 16 chains to 4. */
RC_INLINE TARGET __m128 reduce_to_4(const float *acc)
{
    const __m256 t8 = _mm256_add_ps(_mm256_load_ps(acc), _mm256_load_ps(acc + 8));
    return _mm_add_ps(_mm256_castps256_ps128(t8), _mm256_extractf128_ps(t8, 1));
}

/* The sums of four elements. Their zeros are +0.0: a chain of products that underflow may be -0.0, and the sum of
 * nothing but such chains would be, but for + 0.0. */
RC_INLINE TARGET void reduce_four(const float *acc, float *out)
{
    const __m128 a = reduce_to_4(acc), b = reduce_to_4(acc + 16), c = reduce_to_4(acc + 32), d = reduce_to_4(acc + 48);
    const __m128 ab = _mm_add_ps(_mm_movelh_ps(a, b), _mm_movehl_ps(b, a)); /* t2 of a and of b */
    const __m128 cd = _mm_add_ps(_mm_movelh_ps(c, d), _mm_movehl_ps(d, c));
    const __m128 sums = _mm_add_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xdd));
    _mm_storeu_ps(out, _mm_add_ps(sums, _mm_setzero_ps()));
}
