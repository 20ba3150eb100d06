/* Part of f32s8.h and f32f32.h: what ends a row. TARGET is theirs. */

/* The fixed tree over the 16 chains of four elements. */
RC_INLINE TARGET __m128 fold(const float *acc)
{
    const __m256 t8 = _mm256_add_ps(_mm256_load_ps(acc), _mm256_load_ps(acc + 8));
    return _mm_add_ps(_mm256_castps256_ps128(t8), _mm256_extractf128_ps(t8, 1));
}

RC_INLINE TARGET void tree4(const float *acc, float *out)
{
    const __m128 a = fold(acc), b = fold(acc + 16), c = fold(acc + 32), d = fold(acc + 48);
    const __m128 ab = _mm_add_ps(_mm_movelh_ps(a, b), _mm_movehl_ps(b, a)); /* t2 of a and of b */
    const __m128 cd = _mm_add_ps(_mm_movelh_ps(c, d), _mm_movehl_ps(d, c));
    _mm_storeu_ps(out, _mm_add_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xdd)));
}
