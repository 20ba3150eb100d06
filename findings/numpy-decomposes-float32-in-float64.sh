#!/usr/bin/env bash
# numpy.linalg computes the SVD, the QR and the eigenvalues of float32 in float64, and rounds the result; SciPy does not.
#
# Guess: the SVD of a float32 matrix is computed by LAPACK's routine for single precision. Its result is of float32, and its small
# singular values are then rounding errors of the largest one: they are off by about 2^-24 of it, as SciPy's are.
# Seen (numpy 2.4.6, scipy 1.17.1, LAPACK of their wheels): all singular values of a matrix are the nearest float32 to those of
# float64, also those that are 10^-7 of the largest. So are the factor R of QR and the eigenvalues of a symmetric matrix.
# scipy.linalg.svdvals on the same matrix loses the small ones: it takes the routine for single precision.
# Why it matters: a low-rank method that is tried with NumPy in "float32" has the accuracy (and takes the time) of float64. The same
# code by SciPy has not. A test that decomposes in float32 on purpose, to see a rule fail, sees it pass.
# Exit code 0: still so. 1: it changed.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install -q --disable-pip-version-check numpy==2.4.6 scipy==1.17.1 2>/dev/null
cat >"$folder/seen.py" <<'PYTHON'
import sys

import numpy as np
import scipy.linalg

rng = np.random.default_rng(0)
left, right = (np.linalg.qr(rng.standard_normal((40, 30)))[0] for _ in range(2))
w = (left * np.logspace(0, -7, 30) @ right.T).astype(np.float32)  # 40 x 40: of rank 30, and beyond it what was rounded
wide = w.astype(np.float64)
gram = (w[:, :8].T @ w[:, :8]).astype(np.float32)

exact = np.linalg.svd(wide, compute_uv=False)
ours, theirs = np.linalg.svd(w, compute_uv=False), scipy.linalg.svdvals(w)
assert ours.dtype == theirs.dtype == np.float32
nearest = {
    "svd": np.array_equal(ours, exact.astype(np.float32)),
    "qr": np.array_equal(np.linalg.qr(w)[1], np.linalg.qr(wide)[1].astype(np.float32)),
    "eigvalsh": np.array_equal(np.linalg.eigvalsh(gram), np.linalg.eigvalsh(gram.astype(np.float64)).astype(np.float32)),
}
lost = np.abs(theirs / exact - 1).max()
print("numpy:", ", ".join(f"{name} is {'' if same else 'not '}that of float64, rounded" for name, same in nearest.items()))
print(f"largest relative error of a singular value: numpy {np.abs(ours / exact - 1).max():.1e}, scipy {lost:.1e}")
sys.exit(not (all(nearest.values()) and lost > 1e-3))
PYTHON
"$folder/env/bin/python" "$folder/seen.py"
