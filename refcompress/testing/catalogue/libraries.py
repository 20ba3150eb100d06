"""Functions of other libraries that compute an operation, run where the library is installed.

What a library refuses or does not promise is not offered: NotImplementedError.
"""

from collections.abc import Callable

import numpy as np

from ... import reference
from ...formats import CSR, GGMLBlocks, LowRank
from ...reference.gemm.narrow import decoded
from .kernels import Kernel
from .zero_points import with_zero_point

_F = np.float32


def _plain(a: np.ndarray) -> np.ndarray:
    return np.array(a, dtype=a.dtype.newbyteorder("="), order="C")


def _finite(*arrays: np.ndarray) -> None:
    """A library may multiply what is not finite by padding."""
    if not all(np.isfinite(a).all() for a in arrays):
        raise NotImplementedError("only finite operands")


def _scipy_csr(a, x):
    from scipy import sparse

    matrix = sparse.csr_matrix((a.values, a.indices, a.indptr), shape=a.shape)
    return np.asarray(matrix @ _plain(x))


def _scipy_csc(a, x):
    from scipy import sparse

    if not a.canonical:
        raise NotImplementedError("only columns that rise")
    return np.asarray(sparse.csr_matrix((a.values, a.indices, a.indptr), shape=a.shape).tocsc() @ _plain(x))


def _scipy_to_dense(a):
    from scipy import sparse

    if not a.canonical:
        raise NotImplementedError("only columns that rise")
    if np.signbit(a.values[a.values == 0]).any():
        raise NotImplementedError("a sum with 0 loses the sign of -0.0")
    return sparse.csr_matrix((a.values, a.indices, a.indptr), shape=a.shape).toarray()


def _scipy_from_dense(w, mask=None):
    from scipy import sparse

    if mask is not None:
        raise NotImplementedError("no masks")
    found = sparse.csr_matrix(_plain(w))
    return CSR(w.shape, found.indptr.astype(np.int64), found.indices.astype(np.int64), found.data)


def _scipy_svd(w, **kwargs):
    """LAPACK's other driver."""
    from scipy import linalg

    r = reference.lowrank_svd(w, **kwargs).rank
    if not w.size:
        return reference.lowrank_svd(w, **kwargs)
    u, s, vt = linalg.svd(np.asarray(w, np.float64), full_matrices=False, lapack_driver="gesvd")
    u, s, vt = u[:, :r], s[:r], vt[:r]
    turned = np.where(u[np.abs(u).argmax(axis=0), np.arange(r)] < 0, -1.0, 1.0)
    return LowRank(*(np.ascontiguousarray(f).astype(_F) for f in (u * turned, s, (vt.T * turned).T)))


def _scipy_sgemm(x, w, *, transposed=False):
    from scipy.linalg import blas

    _finite(x, w)
    b = w if transposed else w.T
    if not x.size or not b.size:
        raise NotImplementedError("no empty operands")
    return np.ascontiguousarray(blas.sgemm(1.0, x.astype(_F), b.astype(_F)))


def _torch_matmul(x, w, *, transposed=False):
    import torch

    _finite(x, w)
    return (torch.from_numpy(_plain(x)) @ torch.from_numpy(_plain(w if transposed else w.T))).numpy()


def _torch_linear(x, w):
    import torch

    weights = np.ascontiguousarray(decoded(w))
    _finite(x, weights)
    return torch.nn.functional.linear(torch.from_numpy(_plain(x)), torch.from_numpy(weights)).numpy()


@with_zero_point
def _torch_integers(x, w):
    import torch

    a, b = (torch.from_numpy(_plain(each).astype(np.int64)) for each in (x, w))
    return (a @ b.T).numpy().astype(np.int32)


def _torch_codes(x, format, *, overflow="saturate"):
    import torch

    type_ = {"bfloat16": torch.bfloat16, "float16": torch.float16}.get(format)
    if type_ is None or overflow != "format" or np.isnan(x).any():
        raise NotImplementedError("only 16 bits that overflow to infinity, without NaN")
    return torch.from_numpy(_plain(x).copy()).to(type_).view(torch.int16).numpy().view(np.uint16).reshape(x.shape)


def _torch_decode(codes, format):
    import torch

    types = {"bfloat16": torch.bfloat16, "float16": torch.float16, "fp8_e4m3": torch.float8_e4m3fn,
             "fp8_e5m2": torch.float8_e5m2, "fp8_e4m3fnuz": torch.float8_e4m3fnuz,
             "fp8_e5m2fnuz": torch.float8_e5m2fnuz}
    if format not in types:
        raise NotImplementedError(format)
    plain = _plain(codes)
    signed = plain.view(np.int16) if plain.itemsize == 2 else plain
    return torch.from_numpy(signed.copy()).view(types[format]).to(torch.float32).numpy().reshape(codes.shape)


def _ml_dtypes_decode(codes, format):
    import ml_dtypes

    names = {"bfloat16": "bfloat16", "fp8_e4m3": "float8_e4m3fn", "fp8_e5m2": "float8_e5m2",
             "fp8_e4m3fnuz": "float8_e4m3fnuz", "fp8_e5m2fnuz": "float8_e5m2fnuz", "fp6_e2m3": "float6_e2m3fn",
             "fp6_e3m2": "float6_e3m2fn", "fp4_e2m1": "float4_e2m1fn"}
    if format not in names:
        raise NotImplementedError(format)
    return _plain(codes).view(getattr(ml_dtypes, names[format])).astype(_F)


def _ml_dtypes_encode(x, format, *, overflow="saturate"):
    import ml_dtypes

    names = {"bfloat16": "bfloat16", "fp8_e4m3": "float8_e4m3fn", "fp8_e5m2": "float8_e5m2"}
    if format not in names or overflow != "format" or np.isnan(x).any():
        raise NotImplementedError("only types that overflow to what the format has, without NaN")
    codes = _plain(x).astype(getattr(ml_dtypes, names[format]))
    return codes.view(np.uint16 if codes.itemsize == 2 else np.uint8)


def _gguf_decode(q):
    from gguf import GGMLQuantizationType, quants

    if not q.data.size:
        raise NotImplementedError("no empty operands")
    try:
        found = quants.dequantize(np.ascontiguousarray(q.data), GGMLQuantizationType[q.type])
    except (KeyError, NotImplementedError):
        raise NotImplementedError(q.type) from None
    return np.ascontiguousarray(found, _F).reshape(q.shape)


def _gguf_encode(x, type):
    from gguf import GGMLQuantizationType, quants

    right = reference.ggml_encode(x, type)
    if not x.size or np.signbit(x[x == 0]).any() or (np.abs(x[x != 0]) < 2.0**-100).any():
        raise NotImplementedError("no empty operands, no -0.0, nothing so small that a scale is zero")
    try:
        data = quants.quantize(_plain(x), GGMLQuantizationType[type])
    except (KeyError, NotImplementedError):
        raise NotImplementedError(type) from None
    return GGMLBlocks(data.reshape(right.data.shape), type, x.shape)


@with_zero_point
def _onnx_product(x, w) -> np.ndarray:
    if not x.size or not w.size:
        raise NotImplementedError("no empty operands")
    zeros = np.zeros((), x.dtype), np.zeros((), np.int8)
    return _session(x.dtype.name).run(None, {"a": _plain(x), "b": _plain(w.T), "za": zeros[0], "zb": zeros[1]})[0]


_SESSIONS: dict[str, Callable] = {}


def _session(name: str):
    """Return ONNX Runtime's MatMulInteger of that type of inputs."""
    if name not in _SESSIONS:
        import onnxruntime
        from onnx import TensorProto, helper

        type_ = {"int8": TensorProto.INT8, "uint8": TensorProto.UINT8}[name]
        inputs = [helper.make_tensor_value_info(*each) for each in (
            ("a", type_, ["m", "k"]), ("b", TensorProto.INT8, ["k", "n"]), ("za", type_, []),
            ("zb", TensorProto.INT8, []))]
        node = helper.make_node("MatMulInteger", ["a", "b", "za", "zb"], ["y"])
        output = helper.make_tensor_value_info("y", TensorProto.INT32, ["m", "n"])
        model = helper.make_model(helper.make_graph([node], "product", inputs, [output]),
                                  opset_imports=[helper.make_opsetid("", 13)], ir_version=10)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        _SESSIONS[name] = onnxruntime.InferenceSession(model.SerializeToString(), options,
                                                       providers=["CPUExecutionProvider"])
    return _SESSIONS[name]


def _of(needs: str, op: str, name: str, story: str, function: Callable) -> Kernel:
    return Kernel(op, name, "library", story, function, needs=tuple(needs.split()), alone=True)


KERNELS: list[Kernel] = [
    _of("scipy", "csr_matmul", "SciPy's CSR", "scipy.sparse multiplies entry by entry, in storage order.", _scipy_csr),
    _of("scipy", "csr_matmul", "SciPy's CSC", "The same matrix, stored by columns.", _scipy_csc),
    _of("scipy", "csr_to_dense", "SciPy's toarray", "Entries are added to zeros.", _scipy_to_dense),
    _of("scipy", "csr_from_dense", "SciPy's CSR of an array", "The entries that are not zero.", _scipy_from_dense),
    _of("scipy", "lowrank_svd", "LAPACK's gesvd", "NumPy calls gesdd; this is the other driver.", _scipy_svd),
    _of("scipy", "gemm_f32f32", "SciPy's sgemm", "Another BLAS, or another build of it.", _scipy_sgemm),
    _of("torch", "gemm_f32f32", "torch's product", "A product in an order of its own.", _torch_matmul),
    *[_of("torch", op, "torch's linear of the decoded weights", "A product in an order of its own.", _torch_linear)
      for op in ("gemm_f32f16", "gemm_f32bf16", "gemm_f32s4", "gemm_f32nf4")],
    _of("torch", "gemm_s8s8", "torch's product of int64", "Exact in whatever order.", _torch_integers),
    _of("torch", "floats_encode", "torch's conversion", "bfloat16 and float16, to nearest and ties to even.",
        _torch_codes),
    _of("torch", "floats_decode", "torch's conversion", "Each code has one number.", _torch_decode),
    _of("ml_dtypes", "floats_decode", "ml_dtypes", "Each code has one number.", _ml_dtypes_decode),
    _of("ml_dtypes", "floats_encode", "ml_dtypes", "To nearest and ties to even.", _ml_dtypes_encode),
    _of("gguf", "ggml_decode", "gguf-py", "The package that writes the files.", _gguf_decode),
    _of("gguf", "ggml_encode", "gguf-py", "The package that writes the files.", _gguf_encode),
    _of("onnx onnxruntime", "gemm_s8s8", "ONNX Runtime's MatMulInteger", "Exact in whatever order.", _onnx_product),
    _of("onnx onnxruntime", "gemm_u8s8", "ONNX Runtime's MatMulInteger", "Exact in whatever order.", _onnx_product),
]
