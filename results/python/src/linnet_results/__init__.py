"""Linnet's runs as data frames, figures and LaTeX tables."""

from .columns import units
from .drawing import save
from .error import ResultsError
from .latex import latex
from .layers import layers
from .plots import accuracy_latency, bytes_by_budget, time_by_budget, time_by_layer
from .run import Results, Run, load, read

__all__ = [
    "Results",
    "ResultsError",
    "Run",
    "accuracy_latency",
    "bytes_by_budget",
    "latex",
    "layers",
    "load",
    "read",
    "save",
    "time_by_budget",
    "time_by_layer",
    "units",
]
