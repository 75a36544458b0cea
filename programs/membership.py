"""The protocol "can it lose members": what a system says of the members it has, and of losing some of them just now.

On standard input comes one JSON document: the connection data, with `lost`, the names of the pods that will be away (may be empty),
and, in seconds, `patience` (5 where it is not given). The last line of the answer is what `Membership` holds, as JSON; a program that
cannot say it tells why on standard error and fails. Nothing is changed.
"""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn

from programs.protocol import Refusal, Wanted

PATIENCE = 5.0  # seconds


@dataclass
class Membership:
    """What a system says.

    `leaders`: pods that lead anything. `why`: what is missing, where it is not whole. `held`: a sentence for each reason for which losing
    these members loses a quorum, or the last copy in step. `alone`: lost members that are the only holder of something.
    """

    leaders: list[str] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)

    def answer(self) -> dict[str, Any]:
        """As the protocol has it: each name and each sentence once."""
        once = {name: list(dict.fromkeys(values)) for name, values in asdict(self).items()}
        names = {name: sorted(once[name]) for name in ("leaders", "alone")}
        return names | {"whole": not once["why"], "why": "; ".join(once["why"]), "held": once["held"]}


def tell(ask: Callable[[Wanted], Membership], *faults: type[Exception]) -> None:
    """Run a program by this protocol.

    :param ask: finds out, without changing anything.
    :param faults: of a client's library, beside Refusal and OSError, that are told without a traceback.
    """
    wanted: Wanted = json.load(sys.stdin)
    seconds = float(wanted.get("patience", PATIENCE))

    def late(*_: object) -> NoReturn:
        sys.exit(f"no whole answer within {seconds:g} s")  # not a fault that a client's library would catch and try again

    signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        found = ask(wanted)
    except Refusal as error:
        sys.exit(str(error))
    except (OSError, *faults) as error:
        sys.exit(f"{type(error).__name__}: {error}")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    print(json.dumps(found.answer()))
