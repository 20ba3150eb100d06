"""The same networks through the quantizers of ONNX Runtime and NNCF, as ONNX models that we write."""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from experiments.network_subjects import Inputs, Run, Subject
from refcompress.formats import Graph, Node
from refcompress.graph import Model


def onnx_runtime() -> Any:
    """Return the package, or None where it is not installed."""
    try:
        import onnxruntime
    except ImportError:
        return None
    return onnxruntime


def turned(model: Model) -> Model:
    """Return a network whose linear weights are stored (inputs, outputs), as MatMul takes them: what ONNX Runtime
    quantizes must be an initialiser, and no transposition of one.
    """
    tensors, nodes = dict(model.tensors), []
    for node in model.graph.nodes:
        if node.operation == "linear" and not dict(node.attributes).get("transposed"):
            weight = node.inputs[1]
            tensors[weight] = np.ascontiguousarray(np.asarray(model.tensors[weight]).T)
            node = Node("linear", node.inputs, node.outputs, (("transposed", True),), node.name)
        nodes.append(node)
    return Model(Graph(model.graph.inputs, model.graph.outputs, tuple(nodes)), tensors)


def runs(path: Path, output: str) -> Run:
    """Return a run of an ONNX model by ONNX Runtime on one thread."""
    runtime = onnx_runtime()
    options = runtime.SessionOptions()
    options.intra_op_num_threads = 1
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return lambda inputs: session.run([output], dict(inputs))[0]


def by_nncf(subject: Subject, source: Path, target: Path) -> None:
    """Quantize by NNCF as its documentation says to: a transformer by its own settings, which smooth; biases corrected.
    """
    import nncf
    import onnx

    attention = any(node.operation == "attention" for node in subject.model.graph.nodes)
    made = nncf.quantize(onnx.load(source), nncf.Dataset(subject.calibration, dict),
                         subset_size=len(subject.calibration),
                         **({"model_type": nncf.ModelType.TRANSFORMER} if attention else {}))
    onnx.save(made, target)


def quantizers(subject: Subject) -> dict[str, Callable[[Path, Path], None]]:
    """Return, by the name of its row, each quantizer: from one file to another."""
    from onnxruntime import quantization as q

    class Reader(q.CalibrationDataReader):
        def __init__(self):
            self.batches: Iterator[Inputs] = iter(subject.calibration)

        def get_next(self) -> dict[str, np.ndarray] | None:
            return next((dict(each) for each in self.batches), None)

    def static(source: Path, target: Path, **options) -> None:
        q.quantize_static(str(source), str(target), Reader(), quant_format=q.QuantFormat.QDQ, per_channel=True,
                          activation_type=q.QuantType.QUInt8, weight_type=q.QuantType.QInt8, **options)

    def dynamic(source: Path, target: Path) -> None:
        # Of ONNX's own Attention it would make its QAttention, with attributes that this does not have.
        q.quantize_dynamic(str(source), str(target), op_types_to_quantize=["Conv", "Gather", "Gemm", "MatMul"],
                           per_channel=True, weight_type=q.QuantType.QInt8)

    def four_bits(source: Path, target: Path) -> None:
        import onnx
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        made = MatMulNBitsQuantizer(onnx.load(source), block_size=32, is_symmetric=True)
        made.process()
        made.model.save_model_to_file(str(target))

    found = {"ONNX Runtime, static W8A8, minmax": static, "ONNX Runtime, dynamic W8A8": dynamic}
    if len({tuple(x.shape for x in each.values()) for each in subject.calibration}) == 1:  # of others it raises
        found["ONNX Runtime, static W8A8, percentile 99.99"] = lambda source, target: static(
            source, target, calibrate_method=q.CalibrationMethod.Percentile, extra_options={"CalibPercentile": 99.99})
    if find_spec("nncf"):
        found["NNCF, static W8A8"] = lambda source, target: by_nncf(subject, source, target)
    if find_spec("onnx_ir") and any(node.operation == "attention" for node in subject.model.graph.nodes):
        found["ONNX Runtime, W4A16, blocks of 32"] = four_bits  # which knows MatMul alone
    return found
