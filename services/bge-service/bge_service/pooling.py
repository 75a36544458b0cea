"""How a text's vector comes from its tokens' vectors: as the model's folder says, in the form of sentence-transformers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Pooling = Callable[[Floats, NDArray[np.integer]], Floats]


def cls(tokens: Floats, _: NDArray[np.integer]) -> Floats:
    """The first token's vector. tokens: (texts, length, dimension) → (texts, dimension)."""
    return tokens[:, 0]


def mean(tokens: Floats, mask: NDArray[np.integer]) -> Floats:
    """The mean over the tokens that `mask` (texts, length) marks with 1."""
    weights = mask.astype(np.float32)
    return np.einsum("nld,nl->nd", tokens, weights) / np.maximum(weights.sum(axis=1, keepdims=True), 1)


def maximum(tokens: Floats, mask: NDArray[np.integer]) -> Floats:
    """The greatest of each dimension over the tokens that `mask` marks."""
    return np.where(mask[..., None] == 1, tokens, -np.inf).max(axis=1).astype(np.float32)


MODES: dict[str, Pooling] = {"cls": cls, "mean": mean, "max": maximum}
_NAMES = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean", "pooling_mode_max_tokens": "max"}


def read(folder: Path) -> str:
    """The pooling mode that the model in `folder` was trained with.

    Raises:
        ValueError: the folder does not say it, or says one that is not among `MODES`.
    """
    modules = folder / "modules.json"
    name = "1_Pooling"
    if modules.is_file():
        paths = [m["path"] for m in json.loads(modules.read_text()) if m["type"].endswith(".Pooling")]
        name = paths[0] if paths else name
    config = folder / name / "config.json"
    if not config.is_file():
        raise ValueError(f"{config} is not there: without it nobody knows how the model's tokens become one vector")
    said = json.loads(config.read_text())
    chosen = (
        [said["pooling_mode"]]
        if "pooling_mode" in said
        else [key for key, value in said.items() if key.startswith("pooling_mode_") and value]
    )
    modes = [_NAMES.get(key, key) for key in chosen]
    if len(modes) != 1 or modes[0] not in MODES:
        raise ValueError(f"{config}: found {', '.join(modes) or 'no pooling mode'}, wanted one of {', '.join(MODES)}")
    return modes[0]
