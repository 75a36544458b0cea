"""bge-service as its callers and Kubernetes see it."""

import asyncio
import json
import re
import time
from pathlib import Path

import httpx
import numpy as np
import pytest
from conftest import TEXTS

from bge_service.api import make
from bge_service.settings import BgeSettings
from voicehelper_common import openapi
from voicehelper_common.testing import Service, settings_table


@pytest.fixture(scope="module")
def service(model):
    started = Service("-m", "bge_service", model_path=model, threads=1, queue_texts=100, request_timeout=300).wait("/ready")
    yield started
    started.kill()


def metric(service, name):
    return float(re.search(rf"^{name} (\S+)$", httpx.get(service.base + "/metrics", timeout=120).text, re.M)[1])


def test_an_answer_is_as_the_contract_says(service):
    answer = httpx.post(service.base + "/embed", json={"texts": TEXTS, "batch_size": 2}, timeout=120).json()
    assert set(answer) == {"embeddings", "dimension", "model_name", "processing_time"}
    assert np.shape(answer["embeddings"]) == (len(TEXTS), 384) and answer["dimension"] == 384
    np.testing.assert_allclose(np.linalg.norm(answer["embeddings"], axis=1), 1, atol=1e-5)
    longer = httpx.post(service.base + "/embed", json={"texts": TEXTS, "normalize": False}, timeout=120).json()["embeddings"]
    assert np.linalg.norm(longer, axis=1).min() > 2


def test_info_says_what_the_folder_said(service):
    info = httpx.get(service.base + "/info", timeout=120).json()
    assert (info["pooling"], info["dimension"], info["max_length"], info["engine"]) == ("mean", 384, 256, "safetensors")


@pytest.mark.parametrize(
    ("body", "field", "found", "wanted"),
    [
        ({"texts": []}, "texts", "0 texts", "1 to 100 texts"),
        ({"texts": ["x"] * 101}, "texts", "101 texts", "1 to 100 texts"),
        ({"texts": "x"}, "texts", "'x'", "a list"),
        ({"texts": ["x", None]}, "texts.1", "null", "a text"),
        ({"texts": ["x" * 100_001]}, "texts.0", "100001 characters", "at most 100000 characters"),
        ({"texts": ["x"], "batch_size": 0}, "batch_size", "0", "at least 1"),
        ({"texts": ["x"], "normalize": "perhaps"}, "normalize", "'perhaps'", "true or false"),
        ({}, "texts", "nothing", "a value"),
    ],
)
def test_bad_input_is_refused_by_name(service, body, field, found, wanted):
    answer = httpx.post(service.base + "/embed", json=body, timeout=120)
    error = answer.json()["error"]
    assert (answer.status_code, error["field"], error["found"], error["wanted"]) == (400, field, found, wanted)


def test_half_a_character_is_refused(service):
    answer = httpx.post(
        service.base + "/embed", content=b'{"texts": ["\\ud800"]}', headers={"content-type": "application/json"}, timeout=120
    )
    assert (answer.status_code, answer.json()["error"]["field"]) == (400, "texts.0")


def test_requests_share_batches(service):
    before = metric(service, "bge_batch_texts_count"), metric(service, "bge_batch_texts_sum")

    async def ask():
        async with httpx.AsyncClient(base_url=service.base, timeout=300) as client:
            return await asyncio.gather(*(client.post("/embed", json={"texts": [f"text {n}"]}) for n in range(64)))

    assert {answer.status_code for answer in asyncio.run(ask())} == {200}
    batches, texts = metric(service, "bge_batch_texts_count") - before[0], metric(service, "bge_batch_texts_sum") - before[1]
    assert texts == 64 and batches < 32


def test_a_full_queue_refuses_and_goes_on(service):
    long = "word " * 80

    async def ask():
        async with httpx.AsyncClient(base_url=service.base, timeout=300) as client:
            return await asyncio.gather(*(client.post("/embed", json={"texts": [long] * 40}) for _ in range(6)))

    answers = asyncio.run(ask())
    refused = [answer for answer in answers if answer.status_code == 429]
    assert refused and len(refused) + sum(answer.status_code == 200 for answer in answers) == 6
    assert refused[0].headers["retry-after"] == "1" and refused[0].json()["error"]["field"] == "queue"
    assert httpx.post(service.base + "/embed", json={"texts": ["again"]}, timeout=300).status_code == 200


def test_texts_of_a_client_that_went_away_leave_the_queue(service):
    before, abandoned = metric(service, "bge_texts_total"), 100
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(service.base + "/embed", json={"texts": ["word " * 250] * abandoned}, timeout=httpx.Timeout(30, read=0.5))
    time.sleep(0.5)
    assert httpx.post(service.base + "/embed", json={"texts": ["next"]}, timeout=300).status_code == 200
    assert metric(service, "bge_queue_texts") == 0
    assert metric(service, "bge_texts_total") - before - 1 < abandoned  # a batch that was in the model went on


def test_nothing_is_served_before_the_model_is_loaded(model):
    app = make(BgeSettings(model_path=model))  # its lifespan, which loads the model, does not run here

    async def ask():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bge") as client:
            return [await client.get("/health"), await client.get("/ready"), await client.post("/embed", json={"texts": ["x"]})]

    health, ready, embed = asyncio.run(ask())
    assert (health.status_code, ready.status_code, embed.status_code) == (200, 503, 503)
    assert ready.json()["waiting_for"] == {"model": "the model is being loaded"} and embed.headers["retry-after"] == "5"


def test_a_model_that_cannot_be_loaded_ends_the_process_with_the_reason(folder):
    (folder / "1_Pooling" / "config.json").unlink()
    service = Service("-m", "bge_service", model_path=folder)
    assert "1_Pooling/config.json is not there" in service.failure().splitlines()[-1]


def test_it_drains(model):
    service = Service("-m", "bge_service", model_path=model).wait("/ready")
    assert all(line["service"] == "bge-service" for line in service.stop())


def test_the_api_page_is_up_to_date():
    page = Path(__file__).parents[1] / "openapi.json"
    assert json.loads(page.read_text()) and page.read_text() == openapi(make(BgeSettings()))


def test_the_readme_has_every_setting():
    assert settings_table(BgeSettings) in (Path(__file__).parents[1] / "README.md").read_text()
