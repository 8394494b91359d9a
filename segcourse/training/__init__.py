"""Training: `fit`, `evaluate`, `predict`, recipes, scores, checkpoints, and the experiments of the chapters.

Loaded when first used, so that reading a recipe does not wait for torch.
"""

import importlib

_FROM = {
    "fit": "loop", "History": "run", "Run": "run", "TrainingError": "run",
    "evaluate": "refine", "predict": "refine",
    "Recipe": "recipes", "Callback": "callbacks", "Progress": "callbacks", "Keep": "callbacks", "Log": "callbacks", "TensorBoard": "callbacks",
    "Scores": "scores",
    "save_checkpoint": "checkpoints", "load_checkpoint": "checkpoints",
    "cross_entropy": "losses", "median_frequency_weights": "losses", "top_k_cross_entropy": "losses",
}
_MODULES = ("augment", "batch_norm", "benchmark", "callbacks", "checkpoints", "crf_search", "crops", "dense_maps", "denser", "device", "experiments",
            "feeds", "inference", "instancewise", "jobs", "loop", "losses", "optimisers", "order", "proposal_maps", "proposals", "provenance",
            "recall", "recipes", "record", "refine", "run", "scales", "schedules", "scores", "speed", "state", "switch_swap", "switches", "trouble",
            "two_stage", "workers")
__all__ = [*_FROM, *_MODULES]


def __getattr__(name):
    if name in _FROM:
        return getattr(importlib.import_module(f"segcourse.training.{_FROM[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"segcourse.training.{name}")
    raise AttributeError(f"module 'segcourse.training' has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
