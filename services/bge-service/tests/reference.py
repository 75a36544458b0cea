"""BERT written out in numpy, to compare with: slow, and as plain as the paper."""

import json
from math import erf
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file


def hidden(folder: Path, ids: list[int]) -> np.ndarray:
    """The last layer (length, dimension) for the tokens of one text."""
    config, w = json.loads((folder / "config.json").read_text()), load_file(folder / "model.safetensors")
    heads = config["num_attention_heads"]

    def linear(x, name):
        return x @ w[name + ".weight"].T + w[name + ".bias"]

    def norm(x, name):
        x = x - x.mean(-1, keepdims=True)
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + config["layer_norm_eps"]) * w[name + ".weight"] + w[name + ".bias"]

    def split(x):
        return x.reshape(len(ids), heads, -1).transpose(1, 0, 2)

    gelu = np.vectorize(lambda x: 0.5 * x * (1 + erf(x / 2**0.5)))
    words, places, segments = (w[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type"))
    x = norm(words[ids] + places[: len(ids)] + segments[0], "embeddings.LayerNorm")
    for layer in range(config["num_hidden_layers"]):
        name = f"encoder.layer.{layer}."
        q, k, v = (split(linear(x, f"{name}attention.self.{part}")) for part in ("query", "key", "value"))
        scores = q @ k.transpose(0, 2, 1) / np.sqrt(q.shape[-1])
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        seen = (weights / weights.sum(-1, keepdims=True)) @ v
        x = norm(
            linear(seen.transpose(1, 0, 2).reshape(len(ids), -1), name + "attention.output.dense") + x, name + "attention.output.LayerNorm"
        )
        x = norm(linear(gelu(linear(x, name + "intermediate.dense")), name + "output.dense") + x, name + "output.LayerNorm")
    return x
