"""Text into chunks that an embedding model sees as a whole, cut where a reader would pause."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_CJK = re.compile(r"[\u3400-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af]")
_WORD = re.compile(r"[^\W\u3400-\u9fff\uf900-\ufaff\u3040-\u30ff\uac00-\ud7af]+")
# A run of marks is looked at once, from its first one: `!!!…x` would cost the square of its length otherwise.
_SENTENCE = re.compile(r".*?(?:[。！？；…]+[”’」』）]*|(?<![.!?;])[.!?;]++[\"')\]]*+(?=\s|$)|\n+|$)", re.DOTALL)  # noqa: RUF001
_BLANKS = re.compile(r"[^\S\n]+")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True)
class Part:
    """A piece of a document as it was read: `name` is its page or its file, empty where there is only one."""

    name: str
    text: str


@dataclass(frozen=True)
class Chunk:
    """`number` counts through the whole document from 0."""

    number: int
    part: str
    text: str


def tokens(text: str) -> int:
    """About how many tokens a model makes of a text: one of a CJK character, four of three other words, one at least of eight characters.

    Only blanks have none; parts of a text have together no fewer than the whole.
    """
    ideographs = len(_CJK.findall(text))
    others = len("".join(text.split())) - ideographs
    return ideographs + max(-(len(_WORD.findall(text)) * -4 // 3), -(others // -8))


def tidy(text: str) -> str:
    """A text without control characters and needless blanks; paragraphs stay apart."""
    lines = (_BLANKS.sub(" ", line).strip() for line in _CONTROL.sub(" ", text.replace("\r\n", "\n").replace("\r", "\n")).split("\n"))
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


def sentences(text: str) -> list[str]:
    """Sentences with what ends them; their concatenation is the text."""
    return [match.group() for match in _SENTENCE.finditer(text) if match.group()]


def chunks(parts: Iterable[Part], size: int, overlap: int) -> list[Chunk]:
    """Chunks of at most `size` tokens; of one part, each begins with up to `overlap` tokens of the end of the one before.

    The same parts give the same chunks, so that an ingest can be tried again by number.
    """
    texts = ((part.name, text) for part in parts for text in _pack(tidy(part.text), size, overlap))
    return [Chunk(number, name, text) for number, (name, text) in enumerate(texts)]


def _pack(text: str, size: int, overlap: int) -> Iterator[str]:
    held: list[tuple[str, int]] = []
    total = 0
    fresh = False  # whether `held` has more than what the last chunk ended with
    for piece in _pieces(text, size):
        weight = tokens(piece)
        if fresh and total + weight > size:
            yield _joined(held)
            held, fresh = _tail(held, min(overlap, size - weight)), False
            total = sum(each for _, each in held)
        held.append((piece, weight))
        total += weight
        fresh = True
    if fresh and (last := _joined(held)):
        yield last


def _joined(held: list[tuple[str, int]]) -> str:
    return "".join(piece for piece, _ in held).strip()


def _tail(held: list[tuple[str, int]], most: int) -> list[tuple[str, int]]:
    """The last sentences that together weigh at most so much."""
    kept: list[tuple[str, int]] = []
    for piece, weight in reversed(held):
        most -= weight
        if most < 0:
            break
        kept.insert(0, (piece, weight))
    return kept


def _pieces(text: str, size: int) -> Iterator[str]:
    """Sentences, and what is longer than `size` in halves until it is not."""
    waiting = list(reversed(sentences(text)))
    while waiting:
        piece = waiting.pop()
        if not piece.strip():
            if piece:
                yield piece
        elif tokens(piece) <= size or len(piece) < 2:
            yield piece
        else:
            middle = piece.rfind(" ", 1, len(piece) // 2 + 1)
            middle = middle + 1 if middle > len(piece) // 4 else len(piece) // 2
            waiting += [piece[middle:], piece[:middle]]
