"""Text before it is spoken: its language, and its sentences, which are spoken one by one."""

from __future__ import annotations

import re

LONGEST = 200  # characters of a sentence; a longer one is cut, at a comma or space if it has one

_END = re.compile(r"(?<=[。！？；…!?;])[”’」』）)\"']*|(?<=\.)(?=\s)|\n+")  # noqa: RUF001
_CHINESE = re.compile(r"[㐀-鿿]")
_UNSPOKEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")


def language_of(text: str) -> str:
    """`zh` if there are Chinese characters in it, else `en`."""
    return "zh" if _CHINESE.search(text) else "en"


def speakable(text: str) -> bool:
    """Whether there is a letter or a digit in it."""
    return any(character.isalnum() for character in text)


def sentences(text: str) -> list[str]:
    """Sentences with something to say, in order, none longer than LONGEST characters."""
    pieces, start = [], 0
    text = _UNSPOKEN.sub(" ", text)
    for end in (match.end() for match in _END.finditer(text)):
        pieces.append(text[start:end])
        start = end
    pieces.append(text[start:])
    return [cut for piece in pieces for cut in _cut(piece.strip()) if speakable(cut)]


def _cut(sentence: str) -> list[str]:
    cuts = []
    while len(sentence) > LONGEST:
        head = sentence[:LONGEST]
        at = max(head.rfind(mark) for mark in "，、,:： ") + 1 or LONGEST  # noqa: RUF001
        cuts.append(sentence[:at].strip())
        sentence = sentence[at:].strip()
    return [*cuts, sentence]
