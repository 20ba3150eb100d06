"""Dense products y = x @ w.T. In the order to read:

products     float32 by float32; int8 by int8, exactly; float32 inputs by int8 weights with scales
mixed        float32 inputs by weights of which some rows or columns have 16 bits and the others 8
narrow       what the products of float32 inputs by narrow weights share: one law
narrow_tables, narrow_floats    integers of 4 bits and codes of a table; float16, bfloat16, fp8, MX, NVFP4
bfloat16     bfloat16 by bfloat16
codes        int8 inputs by integers of 4 bits with scales, and by codes of a codebook that is quantized to int8
integers     int8 by int8 and what follows it: requantization to int8, or scales and a bias to float32
contract     the order of the sums of a native product, on which its bits depend: to be read, and for tests
"""

from .bfloat16 import gemm_bf16bf16
from .codes import gemm_s8lut4, gemm_s8s4
from .integers import gemm_s8s8_requantized, gemm_s8s8_scaled
from .mixed import gemm_f32mixed
from .narrow_floats import gemm_f32bf16, gemm_f32f16, gemm_f32fp8, gemm_f32mx, gemm_f32nvfp4
from .narrow_tables import gemm_f32lut4, gemm_f32lut8, gemm_f32nf4, gemm_f32s4
from .products import gemm_f32f32, gemm_f32s8, gemm_s8s8, gemm_u8s8

__all__ = ["gemm_f32f32", "gemm_s8s8", "gemm_u8s8", "gemm_f32s8", "gemm_f32mixed", "gemm_f32s4", "gemm_f32lut4",
           "gemm_f32lut8", "gemm_f32nf4", "gemm_f32f16", "gemm_f32bf16", "gemm_f32fp8", "gemm_f32mx", "gemm_f32nvfp4",
           "gemm_bf16bf16", "gemm_s8s8_requantized", "gemm_s8s8_scaled", "gemm_s8s4", "gemm_s8lut4"]
