"""How fast the operations are, beside their peers: ``python -m benchmarks.run --help``."""
