"""A small network in NumPy: what the recipes train, prune and tune. Never the C kernels: its bits are NumPy's."""

from . import mnist  # noqa: F401
from .as_model import model_of  # noqa: F401
from .autocast_graph import POLICIES, AutocastGraph  # noqa: F401
from .convolution import Convolution, MaxPool, Reshape  # noqa: F401
from .curvature import example_gradients, hessian_product  # noqa: F401
from .fitting import constant, cosine, error_rate, errors, fit, mean_loss, misses  # noqa: F401
from .fresh import Fresh  # noqa: F401
from .graph_network import GraphNetwork  # noqa: F401
from .layers import Dense, Dropout, ReLU, Tanh  # noqa: F401
from .losses import softmax_cross_entropy  # noqa: F401
from .network import Network  # noqa: F401
from .optimizers import SGD, Adam  # noqa: F401
from .precision import Autocast, Policy, Underflow, rounded  # noqa: F401
from .quantized import LearnedSteps, QuantizedInputs, StraightThrough  # noqa: F401
from .scaling import LossScaler, Scaled  # noqa: F401
from .schedules import Gradual, Splicing, Summed, cubic  # noqa: F401
from .shrinking import shrink  # noqa: F401
from .statistics import GradientStatistics, Statistics, collect, collect_gradients, weighted  # noqa: F401
from .tuning import Free, Masked, Penalized, SharedCentroids  # noqa: F401
