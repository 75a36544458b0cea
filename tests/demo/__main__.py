"""Show on the lab's cluster what the platform is for: `make demo`. It exits with 1 where anything is not as it should be.

Documents go in, questions are answered from them with their sources, a text is spoken and understood, a call is held, and the pages are
used in a browser. What it put in it removes. Pictures of the pages go to docs/images/demo.
"""

from __future__ import annotations

import base64
import io
import json
import re
import sys
import time
import wave
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template
from textwrap import shorten
from typing import Any

import yaml

from tests.chaos.cluster import APPLICATION, DOMAIN, PROJECT, kubectl
from tests.demo import pages
from tests.demo.gateway import Gateway
from tests.demo.reach import forwarded

HERE = Path(__file__).parent
DOCUMENTS = sorted((HERE / "documents").glob("*.md"))
SHOTS = PROJECT / "docs/images/demo"
USER = "operator"
QUESTIONS = {  # question → the document that knows
    "Within how many days may a customer send goods back?": "returns",
    "How often should a coffee machine be descaled?": "warranty",
    "What does delivery cost for an order below fifty euros?": "delivery",
}
SAID = "How many days do I have to send the goods back?"
ALIKE = 0.7  # of the words that were spoken, how many must be understood
CALL_SECONDS = 240

Say = Callable[[str], None]


class NotAsItShouldBe(Exception):
    """What was found, and what was wanted."""


@contextmanager
def part(name: str) -> Iterator[Say]:
    """A part of the demonstration, with how long it took."""
    began = time.monotonic()
    print(f"\n{name}", flush=True)
    yield lambda text: print(f"   {text}", flush=True)
    print(f"   ({time.monotonic() - began:.1f} s)", flush=True)


def wanted(what: str, found: object, well: bool) -> None:
    """Raises NotAsItShouldBe where it is not well."""
    if not well:
        raise NotAsItShouldBe(f"{what}; found {found}")


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z]+", text.lower()))


def password() -> str:
    """The first operator's, where the application reads it."""
    secret = json.loads(kubectl("get", "secret", "voicehelper-secrets", f"--namespace={APPLICATION}", "--output=json"))
    return base64.b64decode(secret["data"]["OPERATOR_PASSWORD"]).decode()


def questions(gateway: Gateway, say: Say) -> None:
    """Each is answered from the document that knows, first the sources, then token by token."""
    for question, title in QUESTIONS.items():
        began, first, sources, answer = time.monotonic(), 0.0, [], ""
        ended = False
        for name, data in gateway.ask(question):
            if name == "sources":
                sources = data["sources"]
            elif name == "token":
                first = first or time.monotonic() - began
                answer += data["text"]
            ended = name == "done"
        titles = [source["title"] for source in sources]
        say(question)
        say(f"   sources {', '.join(titles)} · first token after {first:.1f} s")
        say(f"   {shorten(answer, 200, placeholder=' …')}")
        wanted(f"a first source called {title}", titles, titles[:1] == [title])
        wanted("an answer that ends", answer, ended and bool(answer.strip()))


def speech(gateway: Gateway, say: Say) -> bytes:
    """A text is spoken, and what speech-service hears is that text; the recording."""
    recording = gateway.send("POST", "/voice/synthesize", json={"text": SAID}).content
    with wave.open(io.BytesIO(recording)) as sound:
        say(f"spoken: {SAID} ({sound.getnframes() / sound.getframerate():.1f} s)")
    heard = gateway.call("POST", "/voice/transcribe", data=recording, headers={"Content-Type": "audio/wav"})["text"]
    share = len(words(heard) & words(SAID)) / len(words(SAID))
    say(f"heard:  {heard} ({share:.0%} of the words)")
    wanted(f"at least {ALIKE:.0%} of the words", heard, share >= ALIKE)
    return recording


def spoken_call(gateway: Gateway, recording: bytes, seconds: float = CALL_SECONDS) -> dict[str, Any]:
    """What a caller tells who speaks a recording to voice-service, as tests/demo/call.py has it. Raises ClusterError."""
    deployed = json.loads(kubectl("get", "deployment", "voice-service", f"--namespace={APPLICATION}", "--output=json"))
    image = deployed["spec"]["template"]["spec"]["containers"][0]["image"]
    manifest = Template((HERE / "caller.yml").read_text()).substitute(namespace=APPLICATION, domain=DOMAIN, image=image)
    address = f"ws://gateway.{APPLICATION}:{service_port('gateway')}/api/v1/voice/call"
    order = {"url": address, "token": gateway.token, "recording": base64.b64encode(recording).decode(), "seconds": seconds}
    in_pod = ["exec", "--stdin", "demo-caller", f"--namespace={APPLICATION}", "--", "python3", "-c", (HERE / "call.py").read_text()]
    try:
        kubectl("apply", f"--namespace={APPLICATION}", "--filename=-", text=manifest)
        kubectl("wait", "pod/demo-caller", f"--namespace={APPLICATION}", "--for=condition=Ready", "--timeout=120s", seconds=130)
        return json.loads(kubectl(*in_pod, text=json.dumps(order) + "\n", seconds=seconds + 60).splitlines()[-1])
    finally:
        kubectl("delete", f"--namespace={APPLICATION}", "--ignore-not-found", "--filename=-", text=manifest)


def call(gateway: Gateway, recording: bytes, say: Say) -> None:
    """A caller speaks the recording to voice-service and hears the answer."""
    told = spoken_call(gateway, recording)
    say(f"it understood: {told['said']}")
    say(f"it answered:   {told['answer']}")
    say(f"{told['spoken_seconds']} s of speech, which began {told['first_audio_seconds']} s after the question")
    say(" → ".join(told["states"]))
    wanted("most of what was said", told["said"], len(words(told["said"]) & words(SAID)) / len(words(SAID)) >= ALIKE)
    wanted("an answer that is heard", told, bool(told["answer"]) and told["spoken_seconds"] > 0.5)


def browse(secret: str, say: Say) -> None:
    """Frontend and admin-portal in a browser."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    question, title = next(iter(QUESTIONS.items()))
    with pages.browser() as chromium:
        with forwarded("frontend", service_port("frontend")) as url, pages.signed_in(chromium, url, USER, secret) as page:
            shown = pages.ask(page, question, SHOTS)
            say(f"frontend: {question} → {'; '.join(' '.join(text.split()) for text in shown)}")
            wanted(f"a first source called {title}", shown, bool(shown) and title in shown[0])
        with forwarded("admin-portal", service_port("admin-portal")) as url, pages.signed_in(chromium, url, USER, secret) as page:
            said = pages.look(page, SHOTS)
            say(f"admin-portal: {said['services']}")
            wanted("every service answers", said, "Every service answers" in said["services"])
    say(f"pictures: {SHOTS.relative_to(PROJECT)}")


def service_port(name: str) -> int:
    """The port of a service, as the site has it."""
    return yaml.safe_load((PROJECT / "group_vars/all/services.yml").read_text())["services"][name]["port"]


def main() -> int:
    """Entry point."""
    began, secret = time.monotonic(), password()
    try:
        with forwarded("gateway", service_port("gateway")) as url:
            gateway, held = Gateway(url, USER, secret), []
            try:
                with part("Documents go in") as say:
                    for path in DOCUMENTS:
                        held.append(gateway.upload(path))
                        say(f"{path.name} can be asked about")
                with part("Questions are answered from them") as say:
                    questions(gateway, say)
                with part("A text is spoken and understood") as say:
                    recording = speech(gateway, say)
                with part("A call") as say:
                    call(gateway, recording, say)
                with part("The pages, in a browser") as say:
                    browse(secret, say)
            finally:
                for document in held:
                    gateway.send("DELETE", f"/documents/{document}")
    except (NotAsItShouldBe, RuntimeError, LookupError, OSError, pages.Faulty) as error:
        print(f"\ndemo: {error}", file=sys.stderr)
        return 1
    print(f"\nAll of it worked, in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
