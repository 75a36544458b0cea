"""Engines: one module each, loaded only if it is chosen, since each has libraries of its own."""

from __future__ import annotations

from importlib import import_module

from ..settings import Settings
from .base import Engine, EngineError, Segment, Stream, Update

__all__ = ["Engine", "EngineError", "Segment", "Stream", "Update", "load"]


def load(settings: Settings) -> Engine:
    """The engine that the settings choose, with its model loaded.

    Raises:
        EngineError: a library or model is missing.
    """
    module = settings.engine.replace("-", "_")
    try:
        return import_module(f"{__name__}.{module}_engine").load(settings)
    except ImportError as error:
        package = error.name or error
        raise EngineError(f"ENGINE {settings.engine} needs the Python package {package}, which this image does not have") from error
