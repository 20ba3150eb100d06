"""Quantized files as the tools themselves make them: run by each tool's own interpreter, without refcompress.

    python experiments/derive_makers.py TOOL SOURCES OUT

Reads source-float32, source-float16 and source-bfloat16 (.safetensors and .onnx) of SOURCES. Writes a file for each
scheme and type of source, OUT/scheme@type.ending, and prints the tool's name and version.
"""

import copy
import ctypes
import sys
from importlib.metadata import version
from pathlib import Path

TYPES = ("float32", "float16", "bfloat16")


def gguf(sources: Path, out: Path) -> str:
    """Write GGUF files by the package gguf."""
    import gguf
    from safetensors.numpy import load_file

    for kind in TYPES[:2]:
        weights = load_file(sources / f"source-{kind}.safetensors")
        for name in ("F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "MXFP4", "TQ1_0", "TQ2_0"):
            number = gguf.GGMLQuantizationType[name]
            made = {key: gguf.quants.quantize(w, number) for key, w in weights.items()}
            write_gguf(out / f"{name}@{kind}.gguf", made, number)
    return f"gguf {version('gguf')}"


def llamacpp(sources: Path, out: Path) -> str:
    """Write GGUF files by ggml's quantizer, as llama-quantize calls it; `python -m benchmarks.ggml_build` builds it."""
    import gguf
    import numpy as np
    from safetensors.numpy import load_file

    library = ctypes.CDLL(str(Path(sys.argv[4] if len(sys.argv) > 4 else "build/ggml/native") / "src/libggml-base.so"))
    function = library.ggml_quantize_chunk
    function.restype = ctypes.c_size_t
    for kind in TYPES[:2]:
        weights = load_file(sources / f"source-{kind}.safetensors")
        for name in ("Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "MXFP4", "NVFP4", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K",
                     "IQ4_NL", "IQ4_XS", "TQ1_0", "TQ2_0"):
            number, made = gguf.GGMLQuantizationType[name], {}
            for key, w in weights.items():
                w = np.ascontiguousarray(w, np.float32)
                numbers, nbytes = gguf.GGML_QUANT_SIZES[number]
                data = np.zeros((len(w), w.shape[1] // numbers * nbytes), np.uint8)
                function(ctypes.c_int(number), w.ctypes.data_as(ctypes.c_void_p), data.ctypes.data_as(ctypes.c_void_p),
                         ctypes.c_int64(0), ctypes.c_int64(len(w)), ctypes.c_int64(w.shape[1]), None)
                made[key] = data
            write_gguf(out / f"{name}@{kind}.gguf", made, number)
    return "ggml of llama-cpp-python 0.3.36"


def write_gguf(path: Path, made: dict, number) -> None:
    import gguf

    writer = gguf.GGUFWriter(path, "test")
    for key, data in made.items():
        writer.add_tensor(key, data, raw_dtype=number)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def onnxruntime(sources: Path, out: Path) -> str:
    """Write ONNX models by ONNX Runtime's quantizers."""
    import numpy as np
    import onnx
    from onnxruntime import quantization as q
    from onnxruntime.quantization.matmul_nbits_quantizer import DefaultWeightOnlyQuantConfig, MatMulNBitsQuantizer

    s8, u8, s4, u4, s16 = (getattr(q.QuantType, name) for name in ("QInt8", "QUInt8", "QInt4", "QUInt4", "QInt16"))
    dynamic = {"dynamic int8": {"weight_type": s8}, "dynamic uint8": {"weight_type": u8},
               "dynamic int8, reduced range": {"weight_type": s8, "reduce_range": True},
               "dynamic int8 per channel": {"weight_type": s8, "per_channel": True}}
    static = {"QDQ int8": {"weight_type": s8}, "QDQ int8 per channel": {"weight_type": s8, "per_channel": True},
              "QDQ int8 asymmetric": {"weight_type": s8, "extra_options": {"WeightSymmetric": False}},
              "QDQ int16": {"weight_type": s16}, "QDQ int4": {"weight_type": s4},
              "QDQ uint4 per channel": {"weight_type": u4, "per_channel": True},
              "QDQ int8 blocks": {"weight_type": s8, "extra_options": {"BlockSize": 16}},
              "QDQ uint4 blocks": {"weight_type": u4, "extra_options": {"BlockSize": 32}},
              "QOperator int8": {"weight_type": s8, "quant_format": q.QuantFormat.QOperator},
              "QDQ FP8": {"weight_type": q.QuantType.QFLOAT8E4M3FN, "activation_type": q.QuantType.QFLOAT8E4M3FN,
                          "calibrate_method": q.CalibrationMethod.Distribution}}
    for kind in TYPES[:2]:
        source = sources / f"source-{kind}.onnx"

        class Feed(q.CalibrationDataReader):
            def __init__(self, kind=kind):
                self.left = [{f"x{i}": np.random.default_rng(i).standard_normal((4, k)).astype(kind)
                              for i, k in enumerate((48, 32, 80))}]

            def get_next(self):
                return self.left.pop() if self.left else None

        for name, options in dynamic.items():
            q.quantize_dynamic(source, out / f"{name}@{kind}.onnx", **options)
        for name, options in static.items():
            if name != "QDQ FP8" or kind == "float32":  # whose calibration fails on float16
                q.quantize_static(source, out / f"{name}@{kind}.onnx", Feed(),
                                  **{"quant_format": q.QuantFormat.QDQ, **options})
        for bits in (2, 4, 8):
            for symmetric in (True, False):
                for form in (q.QuantFormat.QOperator, q.QuantFormat.QDQ) if bits == 4 else (q.QuantFormat.QOperator,):
                    tool = MatMulNBitsQuantizer(onnx.load(source), algo_config=DefaultWeightOnlyQuantConfig(
                        block_size=32, is_symmetric=symmetric, bits=bits, quant_format=form))
                    tool.process()
                    name = f"MatMulNBits {bits} bits{', zero points' * (not symmetric)}{', QDQ' * (form.name == 'QDQ')}"
                    tool.model.save_model_to_file(str(out / f"{name}@{kind}.onnx"))
    return f"onnxruntime {version('onnxruntime')}"


def compressed_tensors(sources: Path, out: Path) -> str:
    """Write files by the compressors of compressed-tensors, with the ranges of the weights."""
    import torch
    from compressed_tensors.compressors.mxfp4.base import MXFP4PackedCompressor
    from compressed_tensors.compressors.naive_quantized.base import NaiveQuantizationCompressor
    from compressed_tensors.compressors.nvfp4.base import NVFP4PackedCompressor
    from compressed_tensors.compressors.pack_quantized.base import PackedQuantizationCompressor
    from compressed_tensors.quantization import QuantizationArgs, QuantizationScheme
    from compressed_tensors.quantization.utils.helpers import calculate_qparams, generate_gparam
    from safetensors.torch import load_file, save_file

    def args(bits, kind, strategy, symmetric=True, **more):
        return QuantizationArgs(num_bits=bits, type=kind, strategy=strategy, symmetric=symmetric, **more)

    fp8, byte = torch.float8_e4m3fn, torch.uint8
    pack, plain = PackedQuantizationCompressor, NaiveQuantizationCompressor
    schemes = {"pack-quantized 4 bits, groups": (pack, args(4, "int", "group", group_size=32)),
               "pack-quantized 4 bits, zero points": (pack, args(4, "int", "group", False, group_size=32)),
               "pack-quantized 3 bits, groups": (pack, args(3, "int", "group", group_size=64)),
               "pack-quantized 8 bits, channels": (pack, args(8, "int", "channel")),
               "int-quantized 8 bits, channels": (plain, args(8, "int", "channel")),
               "FP8 tensor": (plain, args(8, "float", "tensor")), "FP8 channels": (plain, args(8, "float", "channel")),
               "FP8 blocks": (plain, args(8, "float", "block", block_structure=[16, 64])),
               "NVFP4": (NVFP4PackedCompressor, args(4, "float", "tensor_group", group_size=16, scale_dtype=fp8,
                                                     zp_dtype=fp8)),
               "MXFP4": (MXFP4PackedCompressor, args(4, "float", "group", group_size=32, scale_dtype=byte,
                                                     zp_dtype=byte))}
    for kind in TYPES:
        weights = load_file(sources / f"source-{kind}.safetensors")
        for name, (tool, arguments) in schemes.items():
            made = {}
            for key, w in weights.items():
                rows, columns = arguments.block_structure or (w.shape[0] if arguments.strategy == "tensor" else 1,
                                                              arguments.group_size or w.shape[1])
                blocks = w.reshape(w.shape[0] // rows, rows, w.shape[1] // columns, columns)
                least, most = blocks.amin((1, 3)), blocks.amax((1, 3))
                if arguments.strategy == "tensor":
                    least, most = least.reshape(1), most.reshape(1)
                given = {"weight": w}
                if name == "NVFP4":
                    given["weight_global_scale"] = generate_gparam(w.min().reshape(1), w.max().reshape(1))
                scale, zero = calculate_qparams(least, most, arguments, given.get("weight_global_scale"))
                given |= {"weight_scale": scale, "weight_zero_point": zero}
                scheme = QuantizationScheme(targets=["Linear"], weights=arguments)
                made |= {f"{key.removesuffix('weight')}{end}": t.contiguous()
                         for end, t in tool.compress(given, scheme).items()}
            save_file(made, out / f"{name}@{kind}.safetensors")
    return f"compressed-tensors {version('compressed-tensors')}"


def torchao(sources: Path, out: Path) -> str:
    """Write files of torchao's quantize_ by its own way into safetensors."""
    import torch
    from safetensors.torch import load_file, save_file
    from torchao.prototype.mx_formats import NVFP4WeightOnlyConfig
    from torchao.prototype.safetensors.safetensors_support import flatten_tensor_state_dict
    from torchao.quantization import (
        Float8WeightOnlyConfig,
        Int8WeightOnlyConfig,
        IntxWeightOnlyConfig,
        MappingType,
        quantize_,
    )
    from torchao.quantization.granularity import PerAxis, PerGroup

    def intx(bits, granularity, mapping="SYMMETRIC"):
        return IntxWeightOnlyConfig(weight_dtype=getattr(torch, f"int{bits}"), granularity=granularity,
                                    mapping_type=MappingType[mapping])

    schemes = {"Int8WeightOnly": Int8WeightOnlyConfig(), "Intx 4 bits, groups": intx(4, PerGroup(32)),
               "Intx 2 bits, groups": intx(2, PerGroup(32)), "Intx 8 bits, channels": intx(8, PerAxis(0)),
               "Intx 4 bits, asymmetric": intx(4, PerGroup(32), "ASYMMETRIC"),
               "Intx 4 bits, no clipping": intx(4, PerGroup(32), "SYMMETRIC_NO_CLIPPING_ERR"),
               "Float8WeightOnly": Float8WeightOnlyConfig(), "NVFP4WeightOnly": NVFP4WeightOnlyConfig()}
    for kind in TYPES:
        weights = load_file(sources / f"source-{kind}.safetensors")
        model = torch.nn.ModuleDict({key.removesuffix(".weight"): torch.nn.Linear(w.shape[1], w.shape[0], bias=False)
                                     for key, w in weights.items()}).to(getattr(torch, kind))
        model.load_state_dict(weights)
        for name, config in schemes.items():
            if (name, kind) == ("NVFP4WeightOnly", "float16"):  # which it does not take
                continue
            quantized = copy.deepcopy(model)
            quantize_(quantized, config)
            made, metadata = flatten_tensor_state_dict(quantized.state_dict())
            save_file({key: t.contiguous() for key, t in made.items()}, out / f"{name}@{kind}.safetensors", metadata)
            torch.save(quantized.state_dict(), out / f"{name}, torch.save@{kind}.pt")
    return f"torchao {version('torchao')}"


def bitsandbytes(sources: Path, out: Path) -> str:
    """Write the state of layers of bitsandbytes, quantized on the CPU."""
    import bitsandbytes as bnb
    from safetensors.torch import load_file, save_file

    def four(kind, nested):
        return lambda w: bnb.nn.Params4bit(w, requires_grad=False, quant_type=kind, compress_statistics=nested)

    schemes = {"NF4": four("nf4", False), "NF4, nested": four("nf4", True), "FP4": four("fp4", False),
               "LLM.int8()": lambda w: bnb.nn.Int8Params(w, requires_grad=False, has_fp16_weights=False)}
    for kind in TYPES:
        weights = load_file(sources / f"source-{kind}.safetensors")
        for name, made_of in schemes.items():
            made = {}
            for key, w in weights.items():
                kind_of = bnb.nn.Linear8bitLt if name == "LLM.int8()" else bnb.nn.Linear4bit
                more = {"has_fp16_weights": False} if name == "LLM.int8()" else {"quant_type": name[:3].lower()}
                layer = kind_of(w.shape[1], w.shape[0], bias=False, **more)
                layer.weight = made_of(w.clone())
                layer.weight._quantize("cpu")
                made |= {f"{key.removesuffix('weight')}{end}": t.contiguous() for end, t in layer.state_dict().items()}
            save_file(made, out / f"{name}@{kind}.safetensors")
    return f"bitsandbytes {version('bitsandbytes')}"


def hqq(sources: Path, out: Path) -> str:
    """Write the state of layers of HQQ, quantized on the CPU."""
    import torch
    from hqq.core.quantize import BaseQuantizeConfig, HQQLinear
    from safetensors.torch import load_file, save_file

    for kind in TYPES:
        weights = load_file(sources / f"source-{kind}.safetensors")
        for bits in (1, 2, 3, 4, 8):
            for axis, search in ((1, False), (0, False), (1, True)):
                made = {}
                for key, w in weights.items():
                    linear = torch.nn.Linear(w.shape[1], w.shape[0], bias=False)
                    linear.weight.data = w.clone()
                    config = BaseQuantizeConfig(nbits=bits, group_size=64, axis=axis)
                    config["weight_quant_params"]["optimize"] = search
                    layer = HQQLinear(linear, config, compute_dtype=w.dtype, device="cpu")
                    made |= {f"{key.removesuffix('weight')}{end}": t.contiguous()
                             for end, t in layer.state_dict().items()}
                save_file(made, out / f"{bits} bits, axis {axis}{', search' * search}@{kind}.safetensors")
    return f"hqq {version('hqq')}"


def coremltools(sources: Path, out: Path) -> str:
    """Write packages by coremltools' weight compression: of programs in float32 and in float16."""
    import coremltools as ct
    import numpy as np
    from coremltools.converters.mil import Builder
    from coremltools.optimize import coreml as o
    from safetensors.numpy import load_file

    weights = load_file(sources / "source-float32.safetensors")

    @Builder.program(input_specs=[Builder.TensorSpec(shape=(1, w.shape[1])) for w in weights.values()],
                     opset_version=ct.target.iOS18)
    def program(x, y, z):
        return tuple(Builder.linear(x=each, weight=Builder.const(val=w, name=name), bias=np.zeros(len(w), np.float32))
                     for each, (name, w) in zip((x, y, z), weights.items()))

    def integers(mode, **more):
        config = o.OpLinearQuantizerConfig(mode=mode, weight_threshold=0, **more)
        return lambda m: o.linear_quantize_weights(m, o.OptimizationConfig(config))

    def palettes(mode, bits):
        config = o.OpPalettizerConfig(mode=mode, nbits=bits, weight_threshold=0)
        return lambda m: o.palettize_weights(m, o.OptimizationConfig(config))

    blocks = {"granularity": "per_block", "block_size": 32}
    schemes = {"int8 channels": integers("linear_symmetric"), "int8 channels, asymmetric": integers("linear"),
               "int8 tensor": integers("linear_symmetric", granularity="per_tensor"),
               "int4 blocks": integers("linear_symmetric", dtype="int4", **blocks),
               "uint4 blocks": integers("linear", dtype="uint4", **blocks),
               "palette 4 bits, k-means": palettes("kmeans", 4), "palette 4 bits, uniform": palettes("uniform", 4)}
    for precision in (ct.precision.FLOAT32, ct.precision.FLOAT16):
        model = ct.convert(program, minimum_deployment_target=ct.target.iOS18, compute_precision=precision,
                           compute_units=ct.ComputeUnit.CPU_ONLY)
        for name, made in schemes.items():
            made(model).save(str(out / f"{name}, program {precision.value}@float32.mlpackage"))
    return f"coremltools {version('coremltools')}"


TOOLS = {each.__name__: each for each in (gguf, llamacpp, onnxruntime, compressed_tensors, torchao, bitsandbytes, hqq,
                                          coremltools)}

if __name__ == "__main__":
    Path(sys.argv[3]).mkdir(parents=True, exist_ok=True)
    print(TOOLS[sys.argv[1]](Path(sys.argv[2]), Path(sys.argv[3])))
