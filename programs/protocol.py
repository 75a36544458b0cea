"""The protocol "keep as declared", by which the module toolbox_program runs a program.

On standard input comes one JSON document: what is declared, with `check` (only say what would be done) and, in seconds, `patience`. The
program compares it with what it finds, applies the difference and answers with `{"actions": [...]}` in its last line; where it cannot,
it says why on standard error and fails. Nothing is dropped that is not declared, unless a program says so.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

T = TypeVar("T")
Wanted = dict[str, Any]


class Refusal(Exception):
    """The system cannot be made what is declared; the text says why and what to do."""


class Absent(Refusal):
    """The system is not there. In a check that is no fault: it would come with this very run."""


class Actions:
    """What is done, or in a check would be."""

    def __init__(self, check: bool) -> None:
        self.check, self.names = check, list[str]()

    def add(self, name: str) -> bool:
        """Record an action; whether it is to be done."""
        self.names.append(name)
        return not self.check


def patience(wanted: Wanted, name: str = "patience") -> float:
    """Seconds for what is not there yet: a check does not wait."""
    return 0 if wanted["check"] else float(wanted[name])


def admitted(passwords: Iterable[str], enter: Callable[[str], T]) -> T | None:
    """What `enter` gives for the first of the passwords with which it gives anything true.

    :param passwords: the newest first; while it is being replaced, the one before may be the one that counts.
    """
    return next((found for password in dict.fromkeys(passwords) if (found := enter(password))), None)


def keep(converge: Callable[[Wanted, Actions], object], *faults: type[Exception]) -> None:
    """Run a program by this protocol.

    :param converge: makes the system what is wanted; records what it does.
    :param faults: of a client's library, beside Refusal, that are told without a traceback.
    """
    wanted: Wanted = json.load(sys.stdin)
    actions = Actions(wanted["check"])
    try:
        converge(wanted, actions)
    except Refusal as error:
        if not (actions.check and isinstance(error, Absent)):
            sys.exit(str(error))
    except faults as error:
        sys.exit(f"{type(error).__name__}: {error}")
    print(json.dumps({"actions": actions.names}))
