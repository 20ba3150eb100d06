"""What the tests of the command line share: one run of a command, and all methods with their options."""

import json

from refcompress.cli import main
from refcompress.models import npz

EVERY_METHOD = [
    *(["--bits", str(bits)] for bits in range(1, 9)), ["--sparsity", "0.3", "--bits", "4"],
    ["--sparsity", "0.3", "--scope", "layer", "--contexts"], ["--init", "density"], ["--init", "random", "--seed", "3"],
    ["--method", "csr"], ["--method", "csr", "--sparsity", "0.3"],
    *(["--method", "quantize", "--bits", str(bits), "--scheme", scheme, *more]
      for bits in (2, 3, 4, 5, 6, 7, 8, 16) for scheme in ("symmetric", "affine")
      for more in ([], ["--group", "16"], ["--axis", "-1"])),
    ["--method", "mixed"], ["--method", "mixed", "--group", "8"], ["--method", "mixed", "--axis", "1"],
    *(["--method", "blocks", "--format", name] for name in (
        "mxfp8_e4m3", "mxfp8_e5m2", "mxfp6_e2m3", "mxfp6_e3m2", "mxfp4_e2m1", "mxint8", "nf4")),
]


def run(capsys, *arguments):
    """Run a command; return its exit code, standard output and standard error, also where argparse ends it."""
    try:
        code = main([str(a) for a in arguments])
    except SystemExit as left:
        code = left.code
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def round_trip(capsys, folder, arrays, *options):
    """Save the arrays, compress and decompress them; return the report of --json and the arrays that came back."""
    npz.save(folder / "in.npz", arrays)
    code, out, err = run(capsys, "compress", folder / "in.npz", folder / "out.rcz", *options, "--force", "--json")
    assert code == 0, err
    code, _, err = run(capsys, "decompress", folder / "out.rcz", folder / "back.npz", "--force")
    assert code == 0, err
    return json.loads(out), npz.load(folder / "back.npz")
