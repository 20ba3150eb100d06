"""Labs of the family csr: sparse rows, and their product."""

import numpy as np

from ..lab import FULL, Failure, Lab, Mistake, plain, refused, where

LABS: list[Lab] = []


# csr_from_dense

def _same_set(failure: Failure) -> bool:
    got, expected = failure.got, failure.expected
    return np.array_equal(got.indptr, expected.indptr) and np.array_equal(
        np.sort(got.indices), np.sort(expected.indices))


def _other_entries(failure: Failure) -> bool:
    return len(failure.got.data) != len(failure.expected.data)


LABS.append(Lab(
    "csr_from_dense", None,
    "Store a matrix as compressed sparse rows: only the entries that count.",
    "CSR-1.3",
    (plain("matrices of float32", "mask"), plain("the option `mask`", name="all options"), FULL),
    (Mistake("mask", "A mask is given, and other entries are stored than those where it is True.", "CSR-1.2",
             ("What is stored where the mask is True and the weight is zero?",
              "With a mask the values of w decide nothing."),
             lambda failure: failure.given.get("mask") is not None and _other_entries(failure)),
     Mistake("zeros and NaN", "The matrix holds -0.0 or NaN, and other entries are stored than w != 0 says.", "CSR-1.1",
             ("Try `np.float32(-0.0) != 0` and `np.float32('nan') != 0`.",
              "Comparisons with NaN are false, but for !=. So `abs(w) > 0` is another condition than `w != 0`."),
             lambda failure: bool({"NaN", "-0.0"} & failure.like.values) and _other_entries(failure)),
     Mistake("small numbers", "An entry that is not zero is left out, or a zero is stored.", "CSR-1.1",
             ("Is there a tolerance in your condition? The smallest float32 above 0 is about 1.4e-45.",),
             _other_entries),
     Mistake("row pointers", "indptr is wrong.", "CSR-1.3",
             ("indptr has one element more than there are rows. What is the first one, and what the last?",
              "A row without entries has a pointer too."),
             lambda failure: not np.array_equal(failure.got.indptr, failure.expected.indptr)),
     Mistake("order", "The entries of a row stand in another order.", "CSR-1.3",
             ("In which order do columns come inside a row? `np.nonzero` goes through an array in which order?",),
             lambda failure: refused("must increase")(failure) or _same_set(failure))),
    uses=("from refcompress import CSR",)))


# csr_matmul

def _special(failure: Failure) -> bool:
    return bool({"NaN", "infinity"} & failure.like.values)


def _meeting(failure: Failure) -> bool:
    """Return whether a row has two entries in one column, or columns that do not rise."""
    a = failure.given["a"]
    return any(np.any(np.diff(a.indices[b:e].astype(np.int64)) <= 0) for b, e in zip(a.indptr, a.indptr[1:]))


LABS.append(Lab(
    "csr_matmul", None,
    "Multiply a sparse matrix by a dense one, and touch only what is stored.",
    "CSR-3.1",
    (plain("values of float32", "float16", "bfloat16"),
     plain("values of float16 and bfloat16 too", name="all types"), FULL),
    (Mistake("NaN and infinity", "x or the matrix holds NaN or infinity.", "CSR-3.2",
             ("What is 0 times NaN? And what if the 0 is not stored at all?",
              "A dense product multiplies the zeros that are not stored. A sparse one must not.",
              "Also an entry that is stored and is 0 multiplies."), where(_special)),
     Mistake("columns that meet", "A row has two entries in one column, or its columns do not rise.", "CSR-3.1",
             ("The sum goes over the entries of a row, whatever their columns are.",
              "`y[indices] += ...` adds once, if an index comes twice."), where(_meeting)),
     Mistake("empty row", "A row without entries must give zeros.", "CSR-3.4",
             ("`np.add.reduceat` gives for an empty segment the element that follows. What do you use?",
              "What does `np.empty` hold?"),
             where(lambda failure: bool((np.diff(failure.given["a"].indptr) == 0).any()))),
     Mistake("accuracy", "The sum is off by more than rounding explains.", "CSR-3.3",
             ("In which type do you add? float16 has 11 bits, float32 has 24.",
              "Are all entries of a row added? Look at its last one."))),
    uses=("from refcompress import CSR",)))
