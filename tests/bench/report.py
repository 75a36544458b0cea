"""docs/benchmarks.md from measurements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from artifacts import runner
from artifacts.catalogue import Catalogue
from artifacts.recipes import Cookbook
from artifacts.store import Store, host_arch

# Measured by hand on such a machine: the programs alone, with nothing around them.
FLOOR = {"kubeadm init": 8.0, "kubeadm join of a worker": 1.5, "Cilium": 25.0}
# Kubespray on the same three nodes with the same local artifacts, without a network plugin. Its second run changes 20 things.
PEER = {"first": 263, "second": 250}
WANTED = {"first": 3 * sum(FLOOR.values()), "second": 25.0}
_NAMES = {
    "first": "Blank machines → all nodes Ready, Cilium serving",
    "second": "The same again, nothing to do",
    "platform": "All systems and services of the default mode, and verification, on that cluster",
    "platform again": "All of site.yml again, verification included",
}
_OPERATIONS = {
    "joins": "A blank worker joins (scale.yml)",
    "anew in": "It is made anew (reprovision.yml)",
    "leaves": "It leaves (scale.yml)",
}
_GROWTH = 1.2  # wanted at most
_MORE = 0.15  # that a service takes beyond its bare library, wanted at most
_FEW = 3  # tasks wanted at most on a node that an operation is not about


def page(results: dict[str, Any], services: str = "") -> str:
    """The page as Markdown; `services`: its last section, which `make load` writes."""
    parts = [_head(results), _times(results["runs"]), _meaning(results["runs"]), _nodes(results["runs"]), _tasks(results["runs"])]
    parts += [_stages(results["runs"]["platform again"])]
    parts += [_slowest(results["runs"], name) for name in ("first", "second")]
    parts += [_memory(results["runs"]), _build()]
    return "\n\n".join(filter(None, [*parts, services.strip()])) + "\n"


SERVICES = "## The services under load"


def services(text: str) -> str:
    """The section that `make load` wrote into a page, or nothing."""
    return SERVICES + text.partition(SERVICES)[2] if SERVICES in text else ""


def with_services(text: str, results: dict[str, Any]) -> str:
    """A page with the section of these results of `make load` at its end."""
    requests = [
        (name, *(f"{found[key]:,}" for key in ("p50", "p95", "p99", "rate", "count")), found["errors"])
        for name, found in results["requests"].items()
    ]
    beside = [(name, found["service"], found["bare"], f"{found['more']:+.0%}") for name, found in results["beside"].items()]
    recall = [(name, f"{share:.1%}") for name, share in results["recall"].items()]
    return (
        "\n\n".join(
            [
                text.partition(SERVICES)[0].rstrip(),
                SERVICES,
                f"By `make load`, on {results['date']}, in a lab of three nodes, whose cores data systems and clients share. Models "
                "are the lab's: MiniLM of 384 dimensions, SmolLM2-135M, small engines of speech. Times in milliseconds.",
                _table(("Request", "p50", "p95", "p99", "A second", "Asked", "Failed"), requests, right=6),
                "The service beside its bare library in a loop, in turn, by the same image on the same cores; the client's work is in "
                f"the service's time. Wanted: at most {_MORE:.0%} more.",
                _table(("Work", "Service", "Library", "More"), beside, right=3),
                "What is found. Exact search finds what brute force finds; lists trade some of it for time. The English model was not "
                "trained on Chinese: what it makes of it says nothing about `BAAI/bge-large-zh-v1.5`, which could not be had here.",
                _table(("Found", "Share"), recall, right=1),
            ]
        )
        + "\n"
    )


def _table(headings: Sequence[str], rows: Sequence[Sequence[Any]], right: int = 1) -> str:
    rules = ["---", *["--:" if 0 < n <= right else "---" for n in range(1, len(headings))]]
    return "\n".join("| " + " | ".join(map(str, row)) + " |" for row in (headings, rules, *rows))


def _head(results: dict[str, Any]) -> str:
    machine = results["machine"]
    where = f"{machine['cores']} cores ({machine['model']}), {machine['memory_gib']} GiB, Linux {machine['kernel']}"
    return (
        "# Benchmarks\n\n"
        "<!-- Written by `make bench`; do not edit. -->\n\n"
        f"Three nodes of the lab on one machine with {where}, on {results['date']}. Every artifact is in the store, the nodes are blank "
        "Debian with empty disks. `make bench` measures again and writes this page; it remakes the lab's nodes."
    )


def _times(runs: dict[str, Any]) -> str:
    rows = []
    for name, about in _NAMES.items():
        run = runs[name]
        wanted = f"{WANTED[name]:.0f} s" if name in WANTED else ""
        peer = f"{PEER[name]} s, {PEER[name] / run['seconds']:.1f} times as long" if name in PEER else ""
        changed = sum(host["changed"] for host in run["hosts"].values())
        rows.append((about, f"{run['seconds']:.1f} s", changed, run["calls"], wanted, peer))
    return "## Times\n\n" + _table(("Run", "Time", "Changed", "API calls", "Wanted at most", "Kubespray"), rows, right=3)


def _meaning(runs: dict[str, Any]) -> str:
    floor = sum(FLOOR.values())
    spelled = ", ".join(f"{name} {seconds:g} s" for name, seconds in FLOOR.items())
    verdicts = [
        f"- The floor is what the programs themselves take, one after the other, by hand: {spelled}, {floor:g} s together. "
        f"The first run takes {runs['first']['seconds'] / floor:.1f} times that, and prepares machines and disks besides.",
        "- The peer runs on the same nodes from the same local artifacts and installs no network plugin; its second run changes 20 things "
        "and restarts etcd. Ours changes nothing.",
        "- All nodes share the machine's cores: the agents of Cilium compile their programs on all three nodes at once, which on machines "
        "of their own takes a third of the time.",
    ]
    missed = [name for name, seconds in WANTED.items() if runs[name]["seconds"] > seconds]
    if missed:
        verdicts.append(f"- Slower than wanted: {', '.join(_NAMES[name] for name in missed)}.")
    return "### What it means\n\n" + "\n".join(verdicts)


def _tasks(runs: dict[str, Any]) -> str:
    columns = list(_NAMES)
    hosts = sorted({host for name in columns for host in runs[name]["hosts"]})
    rows = [(host, *(_ran(runs[name], host) for name in columns)) for host in hosts]
    text = "Tasks that ran on each host; every task costs a node about half a second, so a role has few.\n\n"
    return "## Tasks\n\n" + text + _table(("Host", *columns), rows, right=len(columns))


def _nodes(runs: dict[str, Any]) -> str:
    rows, missed = [], []
    for key, about in _OPERATIONS.items():
        three, nine = runs[f"{key} three"], runs[f"{key} nine"]
        growth, others = nine["seconds"] / three["seconds"], [_on_others(run) for run in (three, nine)]
        rows.append(
            (about, f"{three['seconds']:.1f} s", f"{nine['seconds']:.1f} s", f"{growth:.2f}", *others, three["calls"], nine["calls"])
        )
        if key != "leaves":
            missed += [f"{about}: {growth:.2f} times as long with nine nodes"] * (growth > _GROWTH)
            missed += [f"{about}: {max(others)} tasks on each other node"] * (max(others) > _FEW)
    headings = ("Operation", "Three nodes", "Nine nodes", "Growth", "Tasks elsewhere: 3", "9 nodes", "API calls: 3", "9 nodes")
    text = (
        "One worker more, without systems, so that what grows with the cluster shows; nine nodes share the same cores. Tasks elsewhere are "
        f"those on each worker that the operation is not about. Wanted: at most {_GROWTH} times as long and {_FEW} tasks elsewhere, "
        "where a worker joins or is made anew.\n\n"
    )
    verdict = "".join(f"\n- More than wanted. {miss}." for miss in missed)
    return "## The life of a node\n\n" + text + _table(headings, rows, right=7) + ("\n" + verdict if verdict else "")


def _on_others(run: dict[str, Any]) -> int:
    """The most tasks that reached a worker but the busiest one, which the operation is about."""
    counts = sorted(told["reached"] for host, told in run["hosts"].items() if "-worker-" in host)
    return counts[-2]


def _stages(run: dict[str, Any]) -> str:
    """Tasks and seconds of each play of a run."""
    plays: dict[str, list[float]] = {}
    for task in run["tasks"]:
        plays.setdefault(task["play"], []).append(task["seconds"])
    rows = [(play, len(seconds), f"{sum(seconds):.1f} s") for play, seconds in plays.items()]
    text = "Where the time of a run goes that has nothing to do, verification included.\n\n"
    return "### All of site.yml again, by stage\n\n" + text + _table(("Play", "Tasks", "Time"), rows, right=2)


def _ran(run: dict[str, Any], host: str) -> int | str:
    return run["hosts"][host]["ok"] if host in run["hosts"] else ""


def _slowest(runs: dict[str, Any], name: str) -> str:
    tasks = sorted(runs[name]["tasks"], key=lambda task: -task["seconds"])[:10]
    rows = [(task["task"], f"{task['seconds']:.1f} s", f"`{task['path'].split(':')[0]}`") for task in tasks]
    return f"### The slowest ten tasks of the {name} run\n\n" + _table(("Task", "Time", "Where"), rows)


def _memory(runs: dict[str, Any]) -> str:
    columns = [name for name in ("first", "platform") if "memory_mib" in runs.get(name, {})]
    nodes = sorted(runs[columns[0]]["memory_mib"])
    rows = [(node, *(f"{runs[name]['memory_mib'][node]} MiB" for name in columns)) for node in nodes]
    rows.append(("together", *(f"{sum(runs[name]['memory_mib'].values())} MiB" for name in columns)))
    text = "The most that the processes of a node held at a time during a run, without the cache of files.\n\n"
    return "## Memory\n\n" + text + _table(("Node", *columns), rows, right=len(columns))


def _build() -> str:
    book = Cookbook.load(Catalogue.load(), host_arch())
    store = Store.default()
    took = {recipe: store.took(recipe.slug) or recipe.seconds for recipe in book.select(())}
    rows = [(f"`{recipe.name}`", f"{seconds} s", recipe.kind) for recipe, seconds in sorted(took.items(), key=lambda item: -item[1])]
    total = sum(took.values())
    size = sum(path.stat().st_size for path in store.root.rglob("*") if path.is_file() and not path.is_symlink())
    text = (
        f"From an empty store, with module and package registries as the only sources: {total // 60} minutes of work "
        f"in all, {runner.JOBS} recipes at a time. The store then has {size / 2**30:.1f} GiB. "
        "A recipe is made again only when its inputs change.\n\n"
    )
    return "## A cold build of the artifacts\n\n" + text + _table(("Recipe", "Time", "Kind"), rows)
