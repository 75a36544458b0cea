"""Whether FAISS can lose members: by what each says of the index that it holds.

Input: url (of a member, with {} for its ordinal), members.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

from programs import membership
from programs.http import FAULTS, Server
from programs.membership import Membership, Shared
from programs.protocol import Wanted

Json = dict[str, Any]
ATTEMPT = 3  # seconds


def stats(url: str) -> Json | None:
    """What a member says; None if it does not answer."""
    try:
        return Server(url, timeout=ATTEMPT).call("GET", "/stats")
    except FAULTS:
        return None


def judged(said: dict[str, Json | None], lost: list[str]) -> Membership:
    """What follows from the members' answers. The index is whole wherever as much has been applied as anywhere."""
    found, answers = Membership(), {pod: answer for pod, answer in said.items() if answer is not None}
    found.absent(said, answers)
    found.leaders = [pod for pod, answer in answers.items() if answer["role"] == "writer"]
    newest = max((answer["sequence"] for answer in answers.values()), default=0)
    current = {pod: pod in answers and answers[pod]["sequence"] == newest for pod in said}
    found.judge([Shared("index", list(current.items()), needed=1, count=len(said))], lost)
    return found


def ask(wanted: Wanted) -> Membership:
    """See programs.membership."""
    members = wanted["members"]
    urls = [wanted["url"].format(pod.rsplit("-", 1)[1]) for pod in members]
    with ThreadPoolExecutor(len(members)) as threads:
        return judged(dict(zip(members, threads.map(stats, urls), strict=True)), wanted["lost"])


if __name__ == "__main__":
    membership.tell(ask, requests.RequestException)
