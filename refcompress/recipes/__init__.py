"""What the papers do with the operations. A recipe is told the implementation, and says which one it used."""

from . import lenet_5, lenet_300_100  # noqa: F401
from .pipeline import Result, Settings, Stage, deep_compression  # noqa: F401
from .pruning import Pruned, Retraining  # noqa: F401
