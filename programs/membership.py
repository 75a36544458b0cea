"""The protocol "can it lose members": what a system says of the members it has, and of losing some of them just now.

On standard input comes one JSON document: the connection data, with `lost`, the names of the pods that will be away (may be empty),
and, in seconds, `patience` (5 where it is not given). The last line of the answer is what `Membership` holds, as JSON; a program that
cannot say it tells why on standard error and fails. Nothing is changed.
"""

from __future__ import annotations

import json
import signal
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn

from programs.protocol import Refusal, Wanted

PATIENCE = 5.0  # seconds
NAMED = 3  # things that a sentence names, before it only counts


@dataclass
class Membership:
    """What a system says.

    `leaders`: pods that lead anything. `why`: what is missing, where it is not whole. `held`: a sentence for each reason for which it does
    not go on while these members are away; `losing`: those of them for which it loses data when they come back empty. `alone`: lost members
    that are the only holder of something.
    """

    leaders: list[str] = field(default_factory=list)
    why: list[str] = field(default_factory=list)
    held: list[str] = field(default_factory=list)
    losing: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)

    def answer(self) -> dict[str, Any]:
        """As the protocol has it: each name and each sentence once."""
        once = {name: list(dict.fromkeys(values)) for name, values in asdict(self).items()}
        names = {name: sorted(once[name]) for name in ("leaders", "alone")}
        return names | {"whole": not once["why"], "why": "; ".join(once["why"]), "held": once["held"], "losing": once["losing"]}

    def absent(self, wanted: Iterable[str], found: Collection[str]) -> None:
        """Members that should answer and do not."""
        self.why += [f"{pod} does not answer" for pod in wanted if pod not in found]

    def judge(self, shared: Iterable[Shared], lost: Collection[str]) -> None:
        """What is missing of things that members hold together, and what losing some of these members would cost."""
        behind, held, losing = (defaultdict[str, list[str]](list) for _ in range(3))
        for thing in shared:
            in_step = [pod for pod, current in thing.copies if current]
            rest, gone = [pod for pod in in_step if pod not in lost], {pod for pod in in_step if pod in lost}
            late = sorted({pod for pod, current in thing.copies if pod and not current})
            if len(in_step) < thing.count:
                behind[f"{len(in_step)} of {thing.count} copies in step{', not ' * bool(late)}{', '.join(late)}"].append(thing.name)
            if thing.count == 1:
                self.alone += [pod for pod, _ in thing.copies if pod in lost]
            elif gone and len(rest) < thing.needed:
                away = ", ".join(sorted(gone))
                reason = f"found {len(rest)} of {thing.count} copies in step without {away}; wanted {thing.needed}"
                for reasons in [held, losing] if len(rest) < thing.least else [held]:
                    reasons[reason].append(thing.name)
        self.why += [f"{listed(names)}: {reason}" for reason, names in behind.items()]
        self.held += [f"{listed(names)}: {reason}" for reason, names in held.items()]
        self.losing += [f"{listed(names)}: {reason}" for reason, names in losing.items()]


@dataclass
class Shared:
    """What members hold together: a partition, a stream, a quorum.

    `copies` are (pod, whether it is in step); a pod may have several, and "" is where nobody knows who should have it. `needed`: how many
    in step it takes to go on. `count`: how many there should be, those in `copies` where it is not given. `least`: how many it takes to
    lose nothing, as many as to go on where it is not given: of a quorum, a minority may lack what was acknowledged.
    """

    name: str
    copies: list[tuple[str, bool]]
    needed: int = 1
    count: int = 0
    least: int = 0

    def __post_init__(self) -> None:
        self.count, self.least = max(self.count, len(self.copies)), self.least or self.needed

    @classmethod
    def quorum(cls, name: str, copies: Mapping[str, bool], count: int = 0) -> Shared:
        """What goes on while a majority of its copies is in step."""
        count = max(count, len(copies))
        return cls(name, list(copies.items()), majority(count), count)


def majority(count: int) -> int:
    """The least of them that are more than half."""
    return count // 2 + 1


def listed(names: list[str]) -> str:
    """Some names, and how many more there are."""
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


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
