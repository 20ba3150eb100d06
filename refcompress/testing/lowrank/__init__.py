"""The cases of the lowrank family.

- :mod:`matrices`: every shape, matrices without full rank, equal singular values; the product of the factors.
- :mod:`sparse`: the product with a sparse matrix beside the factors, in every format.
"""

from . import matrices, sparse

CASES = matrices.CASES | sparse.CASES
