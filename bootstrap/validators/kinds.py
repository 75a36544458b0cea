"""What a text of an inventory may look like: one pattern for each kind of value, and the words that tell an operator what is wanted."""

from __future__ import annotations

import re
from dataclasses import dataclass

# What a parser of YAML, in Ansible or in Go, may take for another type than a text: as a name it would lose its own on the way.
NO_TEXT = re.compile(
    r"[+-]?[0-9][0-9_]*(\.[0-9_]*)?(e[+-]?[0-9_]+)?|0[xob][0-9a-f_]+"  # numbers
    r"|[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(t.*)?|[0-9][0-9_]*(:[0-9]{1,2})+(\.[0-9_]*)?"  # dates and times
    r"|y|n|yes|no|on|off|true|false|null|nan|inf",
    re.IGNORECASE,
)
BREAKS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"  # control characters, and whatever ends a line
LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
OCTET = r"(25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
ADDRESS = rf"({OCTET}\.){{3}}{OCTET}"
DOMAIN = rf"{LABEL}(\.{LABEL})*"
HOST = rf"({ADDRESS}|{DOMAIN})"
PORT = r"(6553[0-5]|655[0-2][0-9]|65[0-4][0-9]{2}|6[0-4][0-9]{3}|[1-5][0-9]{4}|[1-9][0-9]{0,3})"
PORTS = rf"{PORT}(-{PORT})?"
CRON = r"(\*|[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*)(/[0-9]+)?"
DAY = "(Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
KEY = r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)"
QUANTITY = r"[0-9]+(\.[0-9]+)?([KMGTP]i|[kMGTP])"


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    `wanted` is what the table of findings says; `longest` counts characters; a `name` is nothing that YAML takes for another type,
    and `numbers` says whether a number without quotes is as good as one with them.
    """

    wanted: str
    pattern: str
    longest: int = 255
    name: bool = False
    numbers: bool = True

    def fits(self, value: object) -> bool:
        """Whether a value is of this kind. A number stands for its digits; a boolean is no text."""
        if isinstance(value, bool) or not isinstance(value, str | int | float if self.numbers else str):
            return False
        text = str(value)
        if len(text) > self.longest or (self.name and NO_TEXT.fullmatch(text)):
            return False
        return bool(re.fullmatch(self.pattern, text))


def optional(kind: Kind) -> Kind:
    """The same, or empty."""
    return Kind(f"{kind.wanted}, or empty", f"({kind.pattern})?", kind.longest, kind.name)


SHORT = "lower-case letters, digits and hyphens, and nothing that YAML reads as a number, a date or a boolean"
platform = Kind(f"at most 12 (the label of a file system): a letter, then {SHORT}", "[a-z]([a-z0-9-]*[a-z0-9])?", 12, name=True)
label = Kind(f"at most 63: {SHORT}", LABEL, 63, name=True)
domain = Kind("a domain of lower-case letters, digits, hyphens and dots, without one at its end", DOMAIN, 128, name=True)
host = Kind("a host name or an IPv4 address, without scheme, port or path", HOST, 253, name=True)
interface = Kind("the name of a network interface, at most 15 characters", "[A-Za-z0-9_.:@-]+", 15)
network = Kind("an IPv4 address or network such as 10.0.0.0/8", rf"{ADDRESS}(/(3[0-2]|[12]?[0-9]))?")
source = Kind(
    "an IPv4 address or network, or one of @nodes, @control_planes and @pods",
    rf"@nodes|@control_planes|@pods|{ADDRESS}(/(3[0-2]|[12]?[0-9]))?",
)
ports = Kind("a port (1-65535) or a range such as 9962-9965", PORTS)
url = Kind(
    "a URL of http or https, what is special in a user or password written as %40",
    rf"https?://([A-Za-z0-9._~%!$&*+,;=:-]+@)?{HOST}(:{PORT})?(/[A-Za-z0-9._~%/-]*)?",
)
ice = Kind(
    "a STUN or TURN server, such as turn:turn.example:3478?transport=udp",
    rf"(stun|turn)s?:{HOST}(:{PORT})?(\?transport=(udp|tcp))?",
)
base_url = Kind("a URL of http or https, without a slash at its end", rf"https?://{HOST}(:{PORT})?(/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?")
registry = Kind("host, or host:port, without scheme or path", rf"{HOST}(:{PORT})?")
image = Kind("an image with its tag or digest", rf"{HOST}(:{PORT})?/[a-z0-9._/-]+(:[A-Za-z0-9._-]+)?(@sha256:[0-9a-f]{{64}})?")
path = Kind("an absolute path of letters, digits and ._/+-", "/[A-Za-z0-9._+-]+(/[A-Za-z0-9._+-]+)*")
quantity = Kind("a size such as 20Gi", QUANTITY)
amount = Kind("an amount such as 200m, 2 or 512Mi", rf"[0-9]+(\.[0-9]+)?m?|{QUANTITY}")
threshold = Kind("a size such as 200Mi, or a share such as 10%", rf"{QUANTITY}|[0-9]{{1,2}}(\.[0-9]+)?%|100%")
duration = Kind("a duration such as 90s, 15m or 8760h", "([0-9]+(ms|s|m|h))+")
sync = Kind("always, or a duration such as 2m", "always|([0-9]+(ms|s|m|h))+")
span = Kind("a time span such as 2week or 1month", "[0-9]+ ?(s|min|h|day|week|month|year)s?")
journal = Kind("a size such as 2G", "[0-9]+[KMGT]")
calendar = Kind("a calendar event of systemd, such as Sun *-*-* 03:00:00", "[A-Za-z0-9*/,:.~-]+( [A-Za-z0-9*/,:.~-]+){0,3}")
weekdays = Kind("days of the week, such as Sun or Mon..Fri", rf"{DAY}(\.\.{DAY})?(,{DAY}(\.\.{DAY})?)*")
cron = Kind("a schedule of cron in five fields, such as 15 1 * * *", rf"{CRON}( {CRON}){{4}}")
version = Kind("a version, in quotes", "[A-Za-z0-9][A-Za-z0-9._+-]*", 63)
bucket = Kind("a bucket: 3 to 63 lower-case letters, digits and hyphens", "[a-z0-9][a-z0-9-]{1,61}[a-z0-9]", 63, name=True)
database = Kind("3 to 63 letters, digits, dots and hyphens, a letter first", "[A-Za-z][A-Za-z0-9.-]{2,62}", 63)
package = Kind("a package or the beginning of its name", "[a-z0-9][a-z0-9+.-]+", 63)
module = Kind("a kernel module", "[A-Za-z0-9_-]+", 63)
sysctl = Kind("a key such as vm.max_map_count, and a value of one line without quotes", r"[A-Za-z0-9_./* -]+")
mount = Kind("an option of mount", "[a-z][A-Za-z0-9_.=/-]*", 63)
flag = Kind("a name of letters, digits and ._:-", "[A-Za-z0-9._:-]+")
user = Kind("a user of the nodes", r"[a-z_][a-z0-9_.@*?-]*", 64)
group = Kind("a group of people: letters, digits and ._:@/-", "[A-Za-z0-9][A-Za-z0-9._:@/-]*", name=True)
labels = Kind(
    "a label of Kubernetes: prefix/name and a value of at most 63 characters, a number in quotes",
    rf"({DOMAIN}/)?{KEY}|",
    317,
    numbers=False,
)
encryption = Kind("wireguard or none", "wireguard|none")
moment = Kind('a moment with its zone, such as "2026-01-31 18:00:00+00"', r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9:.]+(Z|[+-][0-9:]{2,5})?")
argument = Kind("one line without quotes and backslashes", rf"[^{BREAKS}\"'\\]*", 4096)
