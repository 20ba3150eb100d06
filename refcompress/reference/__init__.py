"""The reference: every operation in NumPy, one file a family, written as its paper writes it."""

from .csr import *  # noqa: F403
from .prune import *  # noqa: F403
from .share import *  # noqa: F403
