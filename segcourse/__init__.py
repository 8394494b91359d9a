"""segcourse: learn semantic segmentation by taking apart the papers that made it.

Importing this package loads nothing else: `segcourse.ops`, `segcourse.models` and the rest are loaded when first used (PEP 562).
"""

import importlib

__version__ = "0.1.0"

_MODULES = ("ops", "models", "datasets", "training", "figures", "labs", "exercises", "authoring", "glossary", "language", "published")
_NAMES = {
    "show": "segcourse.source_view",
    "progress": "segcourse.exercises",
    "use_language": "segcourse.language",
}
__all__ = [*_MODULES, *_NAMES]


def __getattr__(name):
    if name in _MODULES:
        return importlib.import_module(f"segcourse.{name}")
    if name in _NAMES:
        return getattr(importlib.import_module(_NAMES[name]), name)
    raise AttributeError(f"module 'segcourse' has no attribute {name!r}; it has {', '.join(sorted(__all__))}")


def __dir__():
    return sorted([*globals(), *__all__])
