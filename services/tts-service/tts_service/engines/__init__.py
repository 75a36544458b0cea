"""Engines: one module each, loaded only if it is chosen, since each has programs and libraries of its own."""

from __future__ import annotations

from importlib import import_module

from ..settings import Settings
from .base import Engine, EngineError, Voice

__all__ = ["Engine", "EngineError", "Voice", "load"]


def load(settings: Settings) -> Engine:
    """The engine that the settings choose, ready to speak.

    Raises:
        EngineError: a program, library or model is missing.
    """
    module = settings.engine.replace("-", "_")
    try:
        return import_module(f"{__name__}.{module}_engine").load(settings)
    except ImportError as error:
        package = error.name or error
        raise EngineError(f"ENGINE {settings.engine} needs the Python package {package}, which this image does not have") from error
