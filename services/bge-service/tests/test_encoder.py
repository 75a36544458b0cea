"""The model's vectors, against BERT written out in numpy, and what the folder decides."""

import json

import numpy as np
import onnx
import pytest
from conftest import TEXTS
from reference import hidden

from bge_service import bert
from bge_service.encoder import Encoder, normalize


@pytest.fixture(scope="module")
def encoder(model):
    return Encoder(model, 512, 1)


def test_vectors_are_those_of_the_paper(encoder, model):
    encodings = encoder.tokenize(TEXTS)
    expected = np.stack([hidden(model, e.ids).mean(axis=0) for e in encodings])
    np.testing.assert_allclose(encoder.encode(encodings), expected, atol=2e-5)


def test_a_text_has_the_same_vector_alone_and_beside_longer_ones(encoder):
    together = encoder.encode(encoder.tokenize(TEXTS))
    alone = np.concatenate([encoder.encode(encoder.tokenize([text])) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=2e-5)


def test_likeness_is_meaning(encoder):
    cat, kitten, bank, *_ = normalize(encoder.encode(encoder.tokenize(TEXTS)))
    assert cat @ kitten > 0.5 > 0.2 > cat @ bank


def test_an_onnx_file_is_taken_as_it_is_and_gives_the_same(encoder, folder):
    graph, weights = bert.graph(folder)
    del graph.graph.initializer[:]
    graph.graph.initializer.extend(onnx.numpy_helper.from_array(value, name) for name, value in weights.items())
    (folder / "onnx").mkdir()
    onnx.save(graph, folder / "onnx" / "model.onnx")
    (folder / "model.safetensors").unlink()
    other = Encoder(folder, 512, 1)
    assert (encoder.engine, other.engine) == ("safetensors", "onnx")
    np.testing.assert_allclose(other.encode(other.tokenize(TEXTS)), encoder.encode(encoder.tokenize(TEXTS)), atol=1e-5)


@pytest.mark.parametrize("mode", ["cls", "max"])
def test_pooling_is_what_the_folder_says(model, folder, mode):
    config = folder / "1_Pooling" / "config.json"
    config.unlink()
    config.write_text(json.dumps({"word_embedding_dimension": 384, f"pooling_mode_{mode}_token{'s' if mode == 'max' else ''}": True}))
    encoder = Encoder(folder, 512, 1)
    encodings = encoder.tokenize(TEXTS)
    tokens = [hidden(model, e.ids) for e in encodings]
    expected = np.stack([t[0] if mode == "cls" else t.max(axis=0) for t in tokens])
    assert encoder.pooling == mode
    np.testing.assert_allclose(encoder.encode(encodings), expected, atol=2e-5)


def test_a_text_counts_up_to_what_the_model_was_made_for(encoder, model):
    made_for = json.loads((model / "sentence_bert_config.json").read_text())["max_seq_length"]
    assert encoder.max_length == made_for
    assert len(encoder.tokenize(["word " * 2000])[0].ids) == made_for
    assert Encoder(model, 16, 1).max_length == 16


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        ("1_Pooling/config.json", None, "1_Pooling/config.json is not there"),
        ("1_Pooling/config.json", "{}", "found no pooling mode, wanted one of cls, mean, max"),
        ("1_Pooling/config.json", '{"pooling_mode": "weightedmean"}', "found weightedmean"),
        ("model.safetensors", None, "found neither model.onnx"),
        ("config.json", '{"model_type": "t5"}', "model_type: found t5, wanted bert"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused_with_a_reason(folder, file, content, said):
    (folder / file).unlink()
    if content is not None:
        (folder / file).write_text(content)
    with pytest.raises(ValueError, match=said):
        Encoder(folder, 512, 1)
