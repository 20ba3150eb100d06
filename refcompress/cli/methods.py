"""One rule for all tensors, in short options: compress MODEL --bits 4 --sparsity 0.9."""

import argparse
from typing import Any

from ..checkpoints.recipe import Rule
from ..errors import RefcompressError
from ..formats import MX_ELEMENTS
from ..reference.share.kmeans import INITS

__all__ = ["FORMATS", "METHODS", "add_options", "given", "rule"]

METHODS = ("share", "quantize", "blocks", "mixed", "lowrank", "csr")
FORMATS = (*MX_ELEMENTS, "nf4")
INTEGERS = (*range(2, 9), 16)
USED_BY = {  # option -> the methods that look at it
    "sparsity": ("share", "csr"), "bits": ("share", "quantize"), "scheme": ("quantize",),
    "group": ("quantize", "mixed"), "format": ("blocks",), "energy": ("lowrank",), "outliers": ("mixed",),
    "init": ("share",), "seed": ("share",), "contexts": ("share",),
}


def add_options(command: argparse.ArgumentParser) -> None:
    group = command.add_argument_group("one rule for all weights", "in place of a preset, a recipe or --set")
    group.add_argument(
        "--method", choices=METHODS,
        help="share: prune and share values by k-means (where only its options are given); quantize: integers with "
             "scales; blocks: runs of small floats with a scale, MX or NF4; mixed: integers of 8 bits, of 16 for the "
             "outputs that lose most; lowrank: truncated SVD; csr: prune, and store what is not zero",
    )
    group.add_argument("--sparsity", type=float, metavar="SHARE", help="share, csr: the share of the weights to prune")
    group.add_argument("--bits", type=int,
                       help="share: 2**bits values a tensor, zero one of them where there are zeros (default 5); "
                            "quantize: 2 to 8, or 16 (default 8)")
    group.add_argument("--init", choices=INITS, help="share: where k-means starts (default: the best one is found)")
    group.add_argument("--seed", type=int, help="share: of --init random (default 0)")
    group.add_argument("--contexts", action="store_const", const=True,
                       help="share: let the range coder code a tensor where that is smaller (slower to read and write)")
    group.add_argument("--scheme", choices=("symmetric", "affine"), help="quantize: the grid (default symmetric)")
    group.add_argument("--group", type=int, metavar="N",
                       help="quantize, mixed: a scale for each N weights of an output (default: one an output)")
    group.add_argument("--format", choices=FORMATS, metavar="FORMAT",
                       help=f"blocks: {', '.join(FORMATS)} (default mxfp8_e4m3)")
    group.add_argument("--outliers", type=float, metavar="SHARE",
                       help="mixed: the share of the outputs at 16 bits (default 0.1)")
    group.add_argument("--energy", type=float, help="lowrank: the share of the squared weights to keep (default 0.9)")


def given(options: argparse.Namespace) -> list[str]:
    """Return which options of one rule for all were typed."""
    return [name for name in ("method", *USED_BY) if getattr(options, name) is not None]


def rule(options: argparse.Namespace) -> Rule:
    """Return the rule that the options make; refuse one that the method does not look at."""
    method = options.method or "share"
    for option, methods in USED_BY.items():
        if getattr(options, option) is not None and method not in methods:
            raise RefcompressError(option, f"belongs to --method {' or '.join(methods)}, not {method}")
    if method == "quantize":
        if options.bits not in (None, *INTEGERS):
            raise RefcompressError("bits", f"must be 2 to 8 or 16 for --method quantize, not {options.bits}")
        return Rule("*", f"int{options.bits or 8}", _typed(options, group="group", scheme="grid"))
    if method == "blocks":
        return Rule("*", options.format or "mxfp8_e4m3")
    if method == "mixed":
        return Rule("*", "mixed", _typed(options, group="group", outliers="wide"))
    if method == "share":
        names = {name: name for name in ("bits", "sparsity", "init", "seed", "contexts")}
        return Rule("*", "share", {"bits": 5, **_typed(options, **names)})
    return Rule("*", method, _typed(options, **{"sparsity": "sparsity"} if method == "csr" else {"energy": "energy"}))


def _typed(options: argparse.Namespace, **names: str) -> dict[str, Any]:
    """Return the options that were typed, by the names that schemes have for them."""
    return {there: getattr(options, here) for here, there in names.items() if getattr(options, here) is not None}
