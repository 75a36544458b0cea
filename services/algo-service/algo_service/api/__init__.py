"""The HTTP API, as the gateway calls it."""

from .app import make_app

__all__ = ["make_app"]
