"""Sparse weights as they are stored: the products, at the densities and batches of the CSR product."""

from refcompress import reference

from .case import BATCHES, LAYERS, Case, normal


def weights(rng, layer, density):
    """Return a layer's int8 weights by bitmask, a scale a row."""
    outputs, inputs, _ = LAYERS[layer]
    w = reference.quantize_s8(normal(rng, outputs, inputs), axis=0)
    return reference.sparse_bitmask_pack(w, rng.random(w.shape, dtype="f4") < density)


def sparse_matmul(layer, batch, density=None, **flags):
    outputs, inputs, kept = LAYERS[layer]
    share = density or kept
    entries = share * outputs * inputs
    return Case("sparse_matmul", f"{layer}, bitmask of int8, density {share:g}, batch {batch}",
                lambda rng: ((weights(rng, layer, share), normal(rng, inputs, batch)), {}), 2 * entries * batch,
                entries + outputs * inputs / 8 + 4 * batch * (inputs + outputs), reference=entries * batch < 2e7,
                weight=0, weights=outputs * inputs, **flags)


def blocks(layer, batch, block, density):
    outputs, inputs, _ = LAYERS[layer]
    (r, c), entries = block, density * outputs * inputs

    def make(rng):
        mask = (rng.random((outputs // r, inputs // c)) < density).repeat(r, axis=0).repeat(c, axis=1)
        w = reference.sparse_bsr_pack(normal(rng, outputs, inputs), mask, block=block)
        return (w, normal(rng, inputs, batch)), {}

    return Case("sparse_matmul", f"{layer}, blocks of {r} x {c}, density {density:g}, batch {batch}", make,
                2 * entries * batch, 4 * entries + 4 * entries / (r * c) + 4 * batch * (inputs + outputs),
                reference=entries * batch < 2e7, weight=0, weights=outputs * inputs)


def sparse_s8s8(layer, batch, density=None, **flags):
    outputs, inputs, kept = LAYERS[layer]
    share = density or kept
    entries = share * outputs * inputs

    def make(rng):
        x = rng.integers(-128, 128, (batch, inputs)).astype("i1")
        return (x, 1 + rng.random(batch, dtype="f4"), weights(rng, layer, share)), {}

    return Case("sparse_s8s8", f"{layer}, bitmask, density {share:g}, batch {batch}", make, 2 * entries * batch,
                entries + outputs * inputs / 8 + batch * (inputs + 4 * outputs), arithmetic="s8",
                reference=outputs * inputs * batch < 2e7, weight=2, weights=outputs * inputs, **flags)


CASES = [
    *(case("LeNet-300-100 fc1", batch, quick=batch == 1) for case in (sparse_matmul, sparse_s8s8) for batch in (1, 64)),
    *(sparse_matmul("MiniLM feed-forward", batch) for batch in (1, 64)),
    *(blocks("4096 wide", 64, block, 0.1) for block in ((4, 4), (1, 16), (16, 1))),
    *(case("4096 wide", batch, density) for case in (sparse_matmul, sparse_s8s8) for density in (0.1, 0.3)
      for batch in BATCHES),
]
