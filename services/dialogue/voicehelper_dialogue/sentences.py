"""An answer that grows, cut into sentences that can be spoken while the rest is still being thought of."""

from __future__ import annotations

import re

_END = re.compile(r"[。！？；…]+[”’」』）]*|[.!?;:]+[\"')\]]*(?=\s)|\n+")  # noqa: RUF001
_PAUSE = re.compile(r"[，、,](?=\s|[^\d\s])")  # noqa: RUF001
_LONG = 80  # characters after which a pause is end enough
_GAP = re.compile(r" (?=[.,!?;:](?:\s|$))")
_UNSPOKEN = re.compile(r"\[\d+(?:,\s*\d+)*\]|https?://\S+|[*_#`|<>~]+")


class Sentences:
    """Takes an answer piece by piece."""

    def __init__(self) -> None:
        self._rest = ""

    def add(self, piece: str) -> list[str]:
        """Sentences that are complete now."""
        self._rest += piece
        found = []
        while end := _END.search(self._rest) or (_PAUSE.search(self._rest, _LONG) if len(self._rest) > _LONG else None):
            sentence, self._rest = self._rest[: end.end()], self._rest[end.end() :]
            if spoken := speakable(sentence):
                found.append(spoken)
        return found

    def end(self) -> list[str]:
        """What is left when the answer has ended."""
        rest, self._rest = speakable(self._rest), ""
        return [rest] if rest else []


def speakable(text: str) -> str:
    """A text without what nobody says aloud: numbers of sources, addresses, marks of Markdown. Empty where no letter or digit is left."""
    text = _GAP.sub("", " ".join(_UNSPOKEN.sub(" ", text).split()))
    return text if any(character.isalnum() for character in text) else ""
