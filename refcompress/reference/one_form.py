"""The public names that have one form, and why one is enough. All others are rows of OPS and have a native form."""

_RECORD = "a record of a result, not an operation"
_BLAS = "its time is that of BLAS or LAPACK, which a second form would call too"
_ONCE = "a few passes over the weights by NumPy, once a layer"

ONE_FORM = {
    # Pruning.
    "prune_project_l1": "a sort and exact sums; tests check results against the optimality conditions in fractions",
    "prune_penalty_l0": "one comparison for each weight; tests check the minimum entry by entry",
    "prune_penalty_l1": "one subtraction for each weight; tests check the minimum entry by entry",
    # Quantization.
    "quantize_scale": "two divisions and a rounding for each scale, once a layer",
    "quantize_multiplier": "one exponent and one rounding for each output",
    "quantize_hessian": f"one product: {_BLAS}",
    "quantize_nearest": "made of quantize_s8, which has two forms, and of an error by BLAS",
    "quantize_smooth": f"a few products: {_BLAS}",
    "quantize_bias": f"a mean of products: {_BLAS}",
    # Sparse weights.
    "sparse_bitmask_pack": f"the bits of a mask, side by side: {_ONCE}; tests take them apart one by one",
    "sparse_relative_pack": f"gaps cut into skips: {_ONCE}; tests walk them one by one",
    "sparse_relative_unpack": f"each code at its place: {_ONCE}; tests hold the two against each other",
    "sparse_nm_pack": f"the places of kept weights: {_ONCE}; tests look at each",
    "sparse_nm_unpack": f"each value at its place: {_ONCE}; tests hold the two against each other",
    "sparse_bsr_pack": f"the blocks that hold a kept weight: {_ONCE}; tests cut them out one by one",
    "sparse_bsr_unpack": f"each block at its place: {_ONCE}; tests hold the two against each other",
    "sparse_bitmask_unpack": f"each value at its place: {_ONCE}; tests hold the two against each other",
    # Allocation.
    "allocate_lagrange": "a walk over a few steps of each layer; tests check its bound and gap by exhaustive search",
    "allocate_cost": "a sum of squares, once a layer and width",
    "allocate_fisher": "a sum of squares, once an example",
    "allocate_trace": "a mean over products that the caller computes",
    "allocate_rank": "all ranks are tried; tests compare with exact fractions",
    "allocate_rank_cost": "a closed formula",
    "allocate_mixed": "made of quantize_s8 and quantize_s16, which have two forms",
    "allocate_outliers": "one comparison for each value",
    # Low rank.
    "lowrank_sparse": "made of lowrank_svd and prune_magnitude, which are rows; it ends in a local minimum",
    "lowrank_conv": "lowrank_svd of the reshaped kernels",
    "lowrank_tucker2": f"{_BLAS}; it ends in a local minimum, and tests check it against bounds",
    "lowrank_relu_values": f"{_BLAS}; tests check its bounds as bounds",
    "lowrank_relu": f"{_BLAS}; it ends in a local minimum, and tests check that it never rises above its starts",
    # Classes.
    **dict.fromkeys(("Allocation", "LayerFit", "Randomized", "ReluValues", "Trace"), _RECORD),
}
