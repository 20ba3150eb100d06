"""Whole checkpoints: what is done with a model on the disk, tensor by tensor.

- ``recipe.py``, ``options.py``: rules in TOML, of which the last that matches wins
- ``kinds.py``: which tensors are weights, and which no preset touches
- ``schemes.py``, ``sharing.py``: what a tensor can become
- ``plans.py``, ``bounds.py``: what each one will become, why, and in how many bytes
- ``work.py``, ``weights.py``, ``parts.py``: the work on one tensor, by its name; its result is a file
- ``run.py``: all tensors, on any executor, and the file
- ``thresholds.py``, ``budget.py``: one threshold over all layers; the best within a budget of bytes
- ``result.py``: a row a tensor
- ``reading.py``, ``decoding.py``, and ``formats/arranged.py``: and back
- ``networks.py``, ``source_networks.py``: files with a graph, which run
- ``rebuilding.py``: a file once more, from its source and its own recipe

>>> import numpy as np
>>> weights = {"fc.weight": np.linspace(-1, 1, 4096, dtype=np.float32).reshape(64, 64), "fc.bias": np.zeros(64)}
>>> result = compress(weights, "int8")
>>> [(row["name"], row["stored as"], row["error"] < 0.01) for row in result.table()]
[('fc.weight', '8 bits, 64 scales', True), ('fc.bias', 'array, float64', True)]
"""

from .decoding import decompress, tensors_of
from .networks import load_model, save_model
from .plans import Plan, Step
from .reading import Compressed, load, open, save
from .rebuilding import Rebuilt, rebuild
from .recipe import PRESETS, Recipe, Rule, rule_of_text
from .result import Result, Row
from .run import compress, fastest, plan
from .schemes import SCHEMES

__all__ = ["Compressed", "PRESETS", "Plan", "Rebuilt", "Recipe", "Result", "Row", "Rule", "SCHEMES", "Step", "compress",
           "decompress", "fastest", "load", "load_model", "open", "plan", "rebuild", "rule_of_text", "save",
           "save_model", "tensors_of"]
