"""The gemm family."""

from .mixed import gemm_f32mixed
from .products import gemm_f32f32, gemm_f32s8, gemm_s8s8, gemm_u8s8

__all__ = [
    "gemm_f32mixed",
    "gemm_f32f32", "gemm_f32s8", "gemm_s8s8", "gemm_u8s8",
]
