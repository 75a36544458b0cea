"""The model: texts to tokens, tokens to vectors, by what its folder holds: an ONNX file as it is, or safetensors made a graph."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from . import bert, pooling

Floats = NDArray[np.float32]


class Encoder:
    """A sentence-embedding model in memory. Its methods may be called by one thread each.

    Attributes:
        name, dimension, max_length (tokens), pooling, engine: what `/info` says.
    """

    def __init__(self, folder: Path, max_length: int, threads: int, name: str = "") -> None:
        """Load the model in `folder`.

        Raises:
            ValueError: the folder holds no model that this program can run; the message says why.
            OSError: a file cannot be read.
        """
        self.name = name or folder.resolve().name
        self.pooling = pooling.read(folder)
        self._pool = pooling.MODES[self.pooling]
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # waiting threads leave the CPU to others
        files = [folder / "model.onnx", folder / "onnx" / "model.onnx"]
        file = next((file for file in files if file.is_file()), None)
        providers = ["CPUExecutionProvider"]
        if file:
            self.engine = "onnx"
            self._session = onnxruntime.InferenceSession(str(file), options, providers=providers)
        elif (folder / "model.safetensors").is_file():
            self.engine = "safetensors"
            model, self._weights = bert.graph(folder)  # the session reads them where they lie
            values = [onnxruntime.OrtValue.ortvalue_from_numpy(value) for value in self._weights.values()]
            options.add_external_initializers(list(self._weights), values)
            self._session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=providers)
        else:
            raise ValueError(f"{folder}: found neither model.onnx, onnx/model.onnx nor model.safetensors")
        self._types = {i.name: np.int32 if "int32" in i.type else np.int64 for i in self._session.get_inputs()}
        outputs = [o.name for o in self._session.get_outputs()]
        self._output = next((name for name in ("last_hidden_state", "token_embeddings") if name in outputs), outputs[0])
        self.max_length = min([max_length, *_limits(folder)])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()  # a batch is padded to its own longest
        self._tokenizer.enable_truncation(self.max_length)
        self.dimension = self.encode(self.tokenize(["warm up"])).shape[1]

    def tokenize(self, texts: Sequence[str]) -> list[Encoding]:
        """Tokens of each text, at most `max_length`."""
        return self._tokenizer.encode_batch(list(texts))

    def encode(self, encodings: Sequence[Encoding]) -> Floats:
        """Vectors (texts, dimension) of texts that `tokenize` gave; not normalised."""
        longest = max(len(e.ids) for e in encodings)
        arrays = {name: np.zeros((len(encodings), longest), dtype) for name, dtype in self._types.items()}
        mask = arrays["attention_mask"]
        for row, encoding in enumerate(encodings):
            arrays["input_ids"][row, : len(encoding.ids)] = encoding.ids
            mask[row, : len(encoding.ids)] = 1
        return self._pool(self._session.run([self._output], arrays)[0], mask)


def normalize(vectors: Floats) -> Floats:
    """Vectors (n, dimension) scaled to length 1; a vector of zeros stays."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), np.float32(1e-12))


def _limits(folder: Path) -> list[int]:
    """What the folder says of the longest text that its model was made for, in tokens."""
    said = []
    for file, key in (("config.json", "max_position_embeddings"), ("sentence_bert_config.json", "max_seq_length")):
        if (folder / file).is_file():
            said.append(json.loads((folder / file).read_text()).get(key))
    return [value for value in said if isinstance(value, int)]
