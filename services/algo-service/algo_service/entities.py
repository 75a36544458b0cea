"""What a text speaks of: names of persons, places, organisations, products, and marked terms, in Chinese and in Latin script."""

from __future__ import annotations

import re
from collections import Counter

import rjieba

_CHINESE = re.compile(r"[\u3400-\u9fff]")
_NAMES = frozenset({"nr", "ns", "nt", "nz", "nrt", "nrfg"})  # persons, places, organisations, other proper nouns
_TITLED = re.compile(r"[《「『“\"]([^《》「」『』“”\"\n]{2,40})[》」』”\"]")
_CAPITALISED = re.compile(r"\b[A-Z][\w&.'’-]*[\w](?:[ -](?:of |the |de |von |van )?[A-Z0-9][\w&.'’-]*[\w]){0,4}")  # noqa: RUF001
_CODED = re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])[A-Za-z0-9][\w-]{1,30}\b", re.ASCII)  # product and part numbers
_OPENERS = re.compile(r"(?:^|[.!?:;\n]\s*|[-*#>]\s+)\W*$")
_COMMON = frozenset(
    "a an and are as at be but by can do for from have he how i if in is it may no not of on or please she so that the their there"  # noqa: SIM905
    " these they this to we what when where which who why will with you your".split()
)
LONGEST = 60


def entities(text: str, most: int = 20) -> list[str]:
    """Up to `most` entities of a text, those that it names most often first; ties in order of appearance."""
    found: Counter[str] = Counter()
    found.update(match.strip() for match in _TITLED.findall(text))
    found.update(_capitalised(text))
    found.update(_CODED.findall(text))
    if _CHINESE.search(text):
        found.update(word for word, kind in rjieba.tag(text) if kind in _NAMES and len(word) > 1 and _CHINESE.search(word))
    return [name for name, _ in found.most_common() if 1 < len(name) <= LONGEST][:most]


def key(name: str) -> str:
    """What entities of one name share, whatever their case."""
    return " ".join(name.casefold().split())


def _capitalised(text: str) -> list[str]:
    """Names in Latin script. A single capitalised word that begins a sentence is one only if it is written so elsewhere too."""
    inside, opening = [], []
    for match in _CAPITALISED.finditer(text):
        name = match.group()
        first, _, rest = name.partition(" ")
        begins = bool(_OPENERS.search(text[max(0, match.start() - 6) : match.start()]))
        if first.casefold() in _COMMON:
            name, begins = rest, False
        if name and name.casefold() not in _COMMON:
            (opening if begins and " " not in name and not name.isupper() else inside).append(name)
    known = set(inside)
    return inside + [name for name in opening if name in known]
