"""The matrices of a node: what it multiplies its inputs by, and the rows that these inputs are.

A convolution is a product of matrices: a row of inputs is what one output element sees (channels, then rows, then
columns of the kernel), and each group of channels has a matrix of its own. So all methods for matrices serve it.

Letters: g groups, m outputs in all, k inputs of one output, n rows.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from ...formats import Node
from ...formats.arranged import Arranged, Arrangement
from ...graph.operations.windows import resolved
from ...graph.use import Use, Weight

__all__ = ["MULTIPLIED", "input_rows", "matrices_of", "sparse_form"]

MULTIPLIED = ("linear", "conv")  # operations whose output is a product of rows of inputs and their weight


def matrices_of(node: Node, weight: np.ndarray) -> np.ndarray:
    """Return the weight of a node as matrices (g, m / g, k)."""
    g = groups_of(node)
    return weight.reshape(g, len(weight) // g, -1)


def sparse_form(weight: np.ndarray, use: Use) -> Weight:
    """Return a pruned weight in the sparse format that its node multiplies by: of a convolution the CSR of its matrix.

    Kernels of a single channel (depthwise), and those of three axes, have no sparse product: they stay an array.
    """
    if not 2 <= weight.ndim <= 4 or weight.ndim > 2 and weight.shape[1] == 1:
        return weight
    matrix = use("csr_from_dense")(weight.reshape(len(weight), -1))
    return matrix if weight.ndim == 2 else Arranged(matrix, Arrangement(weight.shape, tuple(range(weight.ndim))))


def input_rows(node: Node, x: np.ndarray, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Yield the rows (g, n, k) by which the matrices are multiplied, a part of the calibration inputs at a time.

    shape : of the node's weight. Of a convolution each part is an image, so that no more is spread out at once; of a
    linear node there are two, of half of the examples each.
    """
    if node.operation == "linear":
        half = -(-len(x) // 2) if x.ndim > 1 else 1
        for part in (x[:half], x[half:]) if x.ndim > 1 else (x,):
            yield part.reshape(1, -1, x.shape[-1])
        return
    given: dict[str, Any] = dict(node.attributes)
    strides, pads, dilations = resolved(x.shape, shape[2:], given.get("strides", ()), given.get("pads", ()),
                                        given.get("dilations", ()))
    for image in x:
        yield patches(image, shape[2:], groups_of(node), strides, pads, dilations)


def groups_of(node: Node) -> int:
    """Return into how many groups a node divides its channels."""
    return int(dict(node.attributes).get("groups", 1)) if node.operation == "conv" else 1  # type: ignore[arg-type]


def patches(image: np.ndarray, kernel: tuple[int, ...], g: int, strides: tuple[int, ...], pads: tuple[int, ...],
            dilations: tuple[int, ...]) -> np.ndarray:
    """Return what each output element of a convolution sees of one image (c, ...): (g, outputs, c / g * kernel)."""
    axes = len(kernel)
    padded = np.pad(image, [(0, 0), *zip(pads[:axes], pads[axes:])])
    reach = tuple(d * (size - 1) + 1 for d, size in zip(dilations, kernel))
    windows = np.lib.stride_tricks.sliding_window_view(padded, reach, tuple(range(1, axes + 1)))
    cut = (slice(None), *(slice(None, None, s) for s in strides), *(slice(None, None, d) for d in dilations))
    windows = windows[cut].reshape(g, len(image) // g, *windows[cut].shape[1:])
    # (g, c / g, places..., kernel...) -> (g, places..., c / g, kernel...)
    order = (0, *range(2, 2 + axes), 1, *range(2 + axes, 2 + 2 * axes))
    turned = windows.transpose(order)
    return turned.reshape(g, int(np.prod(turned.shape[1 : 1 + axes])), -1)
