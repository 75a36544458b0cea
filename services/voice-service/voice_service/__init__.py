"""Calls by WebRTC: what is said in, what is answered out."""

__version__ = "1.0.0"
