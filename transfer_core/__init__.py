"""Graft: transfer learning for people who write no code, and for those who do. `import transfer_core as graft`.

The names below are the public Python interface; docs/python.md shows them at work. Each is imported when it is first
asked for, so that importing the package costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from transfer_core.support.telemetry import switch_off as _switch_telemetry_off

_switch_telemetry_off()  # here, since whatever is imported of Graft comes by here first

if TYPE_CHECKING:
    from transfer_core import errors
    from transfer_core.api import (
        Run,
        compare,
        evaluate,
        export_model,
        import_photos,
        open_project,
        open_run,
        predict,
        train,
    )
    from transfer_core.config import TrainConfig
    from transfer_core.workspace import Workspace

__version__ = "0.1.0"  # the one place: the wheel and `graft --version` read it here

__all__ = [
    "Run",
    "TrainConfig",
    "Workspace",
    "__version__",
    "compare",
    "errors",
    "evaluate",
    "export_model",
    "import_photos",
    "open_project",
    "open_run",
    "predict",
    "train",
]

_MODULES = {"TrainConfig": "config", "Workspace": "workspace"}  # the others: api


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'transfer_core' has no attribute '{name}'")
    if name == "errors":
        return import_module("transfer_core.errors")
    value = getattr(import_module(f"transfer_core.{_MODULES.get(name, 'api')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
