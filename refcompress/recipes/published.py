"""What Deep Compression printed, row by row, and what its rows add up to: the tables as data, and their audit.

**Source** SqueezeNet: Iandola et al. 2016 (arXiv 1602.07360), the row of 8 bits and 33 %. All others:
Han, Mao and Dally 2016 (arXiv 1510.00149v5), tables 2 to 5. A row: weights, kept share P in %, bits of a
weight after P+Q and after P+Q+H, bits of an index after both, size after both as a share of float32 in %.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ..formats import Shared

__all__ = ["DEEP_COMPRESSION", "Finding", "Network", "Row", "SQUEEZENET", "audit", "audit_of_layers", "draw"]


@dataclass(frozen=True)
class Row:
    """One printed row; ``shape`` (outputs, inputs, height, width) gives the weights' exact number. bits: of a code,
    fixed."""

    name: str
    shape: tuple[int, ...]
    kept: float
    bits: float
    coded_bits: float
    index_bits: float
    coded_index_bits: float
    rate: float
    coded_rate: float

    @property
    def weights(self) -> int:
        return int(np.prod(self.shape))


@dataclass(frozen=True)
class Network:
    """A network's rows, and its printed total: bits and rates as in Row, ratio of the last."""

    name: str
    table: int
    rows: tuple[Row, ...]
    bits: float
    coded_bits: float
    rate: float
    coded_rate: float
    ratio: float


def _vgg() -> tuple[Row, ...]:
    printed = {
        "conv1_1": (64, 3, 58, 8, 6.8, 5, 1.7, 40.0, 29.97), "conv1_2": (64, 64, 22, 8, 6.5, 5, 2.6, 9.8, 6.99),
        "conv2_1": (128, 64, 34, 8, 5.6, 5, 2.4, 14.3, 8.91), "conv2_2": (128, 128, 36, 8, 5.9, 5, 2.3, 14.7, 9.31),
        "conv3_1": (256, 128, 53, 8, 4.8, 5, 1.8, 21.7, 11.15), "conv3_2": (256, 256, 24, 8, 4.6, 5, 2.9, 9.7, 5.67),
        "conv3_3": (256, 256, 42, 8, 4.6, 5, 2.2, 17.0, 8.96), "conv4_1": (512, 256, 32, 8, 4.6, 5, 2.6, 13.1, 7.29),
        "conv4_2": (512, 512, 27, 8, 4.2, 5, 2.9, 10.9, 5.93), "conv4_3": (512, 512, 34, 8, 4.4, 5, 2.5, 14.0, 7.47),
        "conv5_1": (512, 512, 35, 8, 4.7, 5, 2.5, 14.3, 8.00), "conv5_2": (512, 512, 29, 8, 4.6, 5, 2.7, 11.7, 6.52),
        "conv5_3": (512, 512, 36, 8, 4.6, 5, 2.3, 14.8, 7.79),
    }
    rows = [Row(name, (m, c, 3, 3), *rest) for name, (m, c, *rest) in printed.items()]
    return (
        *rows,
        Row("fc6", (4096, 25_088), 4, 5, 3.6, 5, 3.5, 1.6, 1.10),
        Row("fc7", (4096, 4096), 4, 5, 4, 5, 4.3, 1.5, 1.25),
        Row("fc8", (1000, 4096), 23, 5, 4, 5, 3.4, 7.1, 5.24),
    )


DEEP_COMPRESSION = (
    Network(
        "LeNet-300-100",
        2,
        (
            Row("ip1", (300, 784), 8, 6, 4.4, 5, 3.7, 3.1, 2.32),
            Row("ip2", (100, 300), 9, 6, 4.4, 5, 4.3, 3.8, 3.04),
            Row("ip3", (10, 100), 26, 6, 4.3, 5, 3.2, 15.7, 12.70),
        ),
        6,
        5.1,
        3.1,
        2.49,
        40,
    ),
    Network(
        "LeNet-5",
        3,
        (
            Row("conv1", (20, 1, 5, 5), 66, 8, 7.2, 5, 1.5, 78.5, 67.45),
            Row("conv2", (50, 20, 5, 5), 12, 8, 7.2, 5, 3.9, 6.0, 5.28),
            Row("ip1", (500, 800), 8, 5, 4.5, 5, 4.5, 2.7, 2.45),
            Row("ip2", (10, 500), 19, 5, 5.2, 5, 3.7, 6.9, 6.13),
        ),
        5.3,
        4.1,
        3.05,
        2.55,
        39,
    ),
    Network(
        "AlexNet",
        4,
        (
            Row("conv1", (96, 3, 11, 11), 84, 8, 6.3, 4, 1.2, 32.6, 20.53),
            Row("conv2", (256, 48, 5, 5), 38, 8, 5.5, 4, 2.3, 14.5, 9.43),
            Row("conv3", (384, 256, 3, 3), 35, 8, 5.1, 4, 2.6, 13.1, 8.44),
            Row("conv4", (384, 192, 3, 3), 37, 8, 5.2, 4, 2.5, 14.1, 9.11),
            Row("conv5", (256, 192, 3, 3), 37, 8, 5.6, 4, 2.5, 14.0, 9.43),
            Row("fc6", (4096, 9216), 9, 5, 3.9, 4, 3.2, 3.0, 2.39),
            Row("fc7", (4096, 4096), 9, 5, 3.6, 4, 3.7, 3.0, 2.46),
            Row("fc8", (1000, 4096), 25, 5, 4, 4, 3.2, 7.3, 5.85),
        ),
        5.4,
        4,
        3.7,
        2.88,
        35,
    ),
    Network("VGG-16", 5, _vgg(), 6.4, 4.1, 3.2, 2.05, 49),
)


SQUEEZENET = {"kept, %": 33.0, "bits": 8.0, "MB before": 4.8, "MB": 0.66}  # of the file that was published


@dataclass(frozen=True)
class Finding:
    """One line of the audit: what the paper prints, what follows from its rows, and whether that is the same."""

    network: str
    row: str
    what: str
    printed: float
    recomputed: float
    verdict: str


def audit(network: Network) -> list[Finding]:
    """Recompute a network's rows and totals from what the paper prints.

    A row: rate = kept (bits + index bits) / 32 + 2^bits / weights, the codebook in float32 (section 5.1 counts it).
    Fillers are not printed, so the rate may be up to a quarter more than its parts; it is not to be less than the
    rounding of the printed shares allows. A code after Huffman coding takes no more bits than a fixed one. A
    total: the mean of the rows' bits, weighted by the weights kept; the sum of the rows' sizes.
    """
    found = []

    def add(
        row, what, printed, recomputed, low, high, over="below what its parts take", under="above what its parts take"
    ):
        verdict = "consistent" if low <= printed <= high else f"CONTRADICTION: {over if printed < low else under}"
        found.append(Finding(network.name, row, what, printed, recomputed, verdict))

    for r in network.rows:
        for what, bits, index, rate in (("P+Q rate, %", r.bits, r.index_bits, r.rate),
                                        ("P+Q+H rate, %", r.coded_bits, r.coded_index_bits, r.coded_rate)):
            codebook = 100 * 2**r.bits / r.weights
            # The share is rounded to a percent, bits after coding to a tenth; entries that no weight uses may have been
            # left out of the codebook by then.
            low = (r.kept - 0.5) * (bits + index - 0.1) / 32
            high = 1.25 * (r.kept + 0.5) * (bits + index + 0.1) / 32
            add(
                r.name,
                what,
                rate,
                r.kept * (bits + index) / 32 + codebook,
                low + (0 if "H" in what else codebook) - 0.05,
                high + codebook + 0.05,
                under="above what its parts take",
            )
        add(r.name, "bits after Huffman", r.coded_bits, r.bits, 0, r.bits, under="more than the fixed code's")
    kept = np.array([r.weights * r.kept for r in network.rows])
    sizes = np.array([r.weights for r in network.rows])
    coded = float(kept @ [r.coded_bits for r in network.rows] / kept.sum())
    slack = 0.05 + 0.05  # of the rows' tenths and of the total's
    add(
        "total",
        "bits after Huffman",
        network.coded_bits,
        coded,
        coded - slack - 0.1,
        coded + slack + 0.1,
        over="below the mean of its rows",
        under="above the mean of its rows",
    )
    for what, printed, key in (
        ("P+Q rate, %", network.rate, "rate"),
        ("P+Q+H rate, %", network.coded_rate, "coded_rate"),
    ):
        total = float(sizes @ [getattr(r, key) for r in network.rows] / sizes.sum())
        step = 0.05 if what == "P+Q rate, %" else 0.005  # of each row, as printed, and of the total
        add("total", what, printed, total, total - 2 * step - 0.01 * total, total + 2 * step + 0.01 * total,
            over="below the sum of its rows", under="above the sum of its rows")
    total = float(sizes @ [r.coded_rate for r in network.rows] / sizes.sum())
    add("total", "times smaller", network.ratio, 100 / total, 0.98 * 100 / total - 0.5, 1.02 * 100 / total + 0.5,
        over="below what its rows give", under="above what its rows give")
    return found


def audit_of_layers(layers: Mapping[str, Shared | np.ndarray], size: int) -> list[Finding]:
    """Recompute what the paper prints of SqueezeNet from the file of ``size`` bytes that was published beside it.

    layers : what the file holds (models.squeezenet.read). A megabyte is 1000 x 1000 to 1024 x 1024 bytes: the paper
    does not say which.
    """
    weights = [value for value in layers.values() if isinstance(value, Shared)]
    kept = 100 * sum(int(np.count_nonzero(w.codes)) for w in weights) / sum(w.codes.size for w in weights)
    bits = float(np.log2(max(len(w.codebook) for w in weights)))
    raw = 4 * sum(int(np.prod(value.shape)) for value in layers.values())
    found = []
    for what, recomputed, low, high in (
            ("kept, %", kept, kept - 0.5, kept + 0.5), ("bits", bits, bits, bits),
            ("MB before", raw / 1e6, raw / 2**20 - 0.05, raw / 1e6 + 0.05),
            ("MB", size / 1e6, size / 2**20 - 0.005, size / 1e6 + 0.005)):
        printed = SQUEEZENET[what]
        verdict = "consistent" if low <= printed <= high else "CONTRADICTION: not what the file holds"
        found.append(Finding("SqueezeNet", "the published file", what, printed, recomputed, verdict))
    return found


def draw(row: Row, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return synthetic codes (of the row's shape, uint8; 0: pruned) and a codebook with a row's statistics.

    Each weight is kept with the printed probability, alone; the codes of those kept have frequencies that fall off on
    both sides of zero (Laplace's distribution cut into steps), as steep as the printed bits after Huffman coding ask
    for.
    """
    rng = np.random.default_rng(seed)
    count = 2 ** int(np.ceil(row.bits)) - 1
    distance = np.abs(np.arange(count) - (count - 1) / 2)

    def frequencies(steepness):
        f = np.exp(-steepness * distance)
        return f / f.sum()

    low, high = 0.0, 5.0
    for _ in range(60):  # entropy falls with steepness
        middle = (low + high) / 2
        f = frequencies(middle)
        low, high = (middle, high) if -(f[f > 0] @ np.log2(f[f > 0])) > row.coded_bits else (low, middle)
    size = row.weights
    codes = np.zeros(size, np.uint8)
    kept = np.flatnonzero(rng.random(size, dtype=np.float32) < row.kept / 100)
    cumulative = np.cumsum(frequencies(low))
    codes[kept] = 1 + np.minimum(np.searchsorted(cumulative, rng.random(len(kept))), count - 1).astype(np.uint8)
    values = np.where(np.arange(count) == (count - 1) / 2, 0.25, np.arange(count) - (count - 1) / 2) * 0.01
    return codes.reshape(row.shape), np.append(0, np.sort(values)).astype(np.float32)
