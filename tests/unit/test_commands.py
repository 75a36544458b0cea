"""Every external command line of the roles and plugins is in tests/commands.yml, beside what runs it for real, and that comes by it."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).parents[2]
RUN = yaml.safe_load((PROJECT / "tests/commands.yml").read_text())
PROGRAMS = {command.split()[0] for command in RUN}
SOURCES = ("plugins", "roles", "bootstrap", "programs", "templates")
STARTS = re.compile(r"(^|\.)(subprocess\.(run|Popen|check_output)|run_command)$")
TASKS = {"swapoff"}  # a task's command line, not Python's
WRAPPERS = {  # run what others hand them
    "bootstrap/checks/base.py",
    "plugins/module_utils/node/node_steps.py",
    "plugins/module_utils/node/probe/hardware.py",
    "bootstrap/kube/run_lock.py",
    "bootstrap/kube/toolbox.py",
    "plugins/modules/node_files.py",
}


@cache
def files() -> list[str]:
    """The Python of what runs on nodes, in pods and on the controller, templates of it included."""
    listed = subprocess.run(["git", "ls-files", *SOURCES], cwd=PROJECT, capture_output=True, text=True, check=True).stdout.split()
    return [path for path in listed if path.endswith((".py", ".py.j2"))]


def word(node: ast.expr) -> str:
    """A fixed word of a command line; "" for what is computed."""
    text = node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""
    return Path(text).name if text.startswith("/") else text


def program(node: ast.expr) -> str:
    """The first word, which may stand in a variable that is named after the program."""
    node = node.value if isinstance(node, ast.Starred) else node
    return node.id.lower() if isinstance(node, ast.Name) else word(node)


def commands(tree: ast.Module) -> Iterator[str]:
    """Program and fixed words of each command line: a list, or the words of a call, that begins with a known program."""
    for node in ast.walk(tree):
        words = node.elts if isinstance(node, ast.List) else node.args if isinstance(node, ast.Call) else []
        if words and program(words[0]) in PROGRAMS:
            fixed = itertools.takewhile(re.compile(r"[a-z][A-Za-z0-9_-]*").fullmatch, map(word, words[1:]))
            yield " ".join([program(words[0]), *fixed])


@cache
def tree_of(path: str) -> ast.Module:
    """The syntax of a file; what Jinja puts into it is a number."""
    text = (PROJECT / path).read_text()
    return ast.parse(re.sub(r"\{\{.*?\}\}", "0", text) if path.endswith(".j2") else text)


@cache
def found_in() -> dict[str, set[str]]:
    """Each file with the command lines in it."""
    return {path: set(commands(tree_of(path))) for path in files()}


def test_every_command_line_is_run_somewhere():
    found = found_in()
    assert {(path, line) for path, lines in found.items() for line in lines - set(RUN)} == set()
    assert set(RUN) - set().union(*found.values()) - TASKS == set(), "nothing runs these any more"
    assert {where for where in RUN.values() if not (PROJECT / where).exists()} == set()


@pytest.mark.parametrize("path", files())
def test_a_program_that_starts_another_is_looked_at(path):
    starts = any(isinstance(node, ast.Call) and STARTS.search(ast.unparse(node.func)) for node in ast.walk(tree_of(path)))
    assert not starts or path in WRAPPERS or set(commands(tree_of(path)))


# What a task must say besides the module's name for a command that begins so to be run; the longest counts.
SAYS = {
    "": "",
    "etcdctl member": "state: joined",
    "kubeadm init": "state: initialised",
    "kubeadm init phase": "state: configured",
    "kubeadm init phase certs etcd-healthcheck-client": "state: joined",
    "kubeadm join": "state: joined",
    "kubeadm reset": "state: clean",
}
PLAYS = re.compile(r"(playbooks/\S+|site)\.yml")


@cache
def imported(path: Path) -> set[str]:
    """The last names of all that a Python file imports."""
    found = set()
    for node in ast.walk(tree_of(str(path.relative_to(PROJECT)))):
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.name.rpartition(".")[2] for alias in node.names} | {(getattr(node, "module", None) or "").rpartition(".")[2]}
    return found


@cache
def modules_of(source: str) -> frozenset[str]:
    """The modules, as tasks name them, whose run comes by a file of plugins/ or bootstrap/."""
    if not source.startswith(("plugins/module_utils/", "bootstrap/")):
        return frozenset({Path(source).stem})
    python = [PROJECT / path for path in files() if path.startswith(("plugins/", "bootstrap/"))]
    uses = {path: imported(path) for path in python}
    reached, found = {Path(source).stem, Path(source).parent.name} - {"module_utils"}, set()
    while more := {path for path in python if path not in found and uses[path] & reached}:
        found |= more
        reached |= {path.stem for path in more} | {path.parent.name for path in more if path.name == "__init__.py"}
    return frozenset(path.stem for path in found if path.parent.name in ("modules", "action"))


@cache
def leads_to(path: Path) -> frozenset[Path]:
    """The files of tasks that a playbook, or a file of tasks, runs: itself, what it imports and the roles it names."""
    found, waiting = set(), [path]
    while waiting:
        if (here := waiting.pop().resolve()) in found or not here.exists():
            continue
        found.add(here)
        waiting += named_in(yaml.safe_load(here.read_text()), here)
    return frozenset(found)


def named_in(content: object, here: Path) -> Iterator[Path]:
    """Files of tasks and playbooks that a YAML value names; a role whose name is computed is any that a rotation may run."""
    for entry in content if isinstance(content, list) else []:
        for key, value in entry.items() if isinstance(entry, dict) else ():
            verb = key.rpartition(".")[2]
            if verb in ("import_playbook", "import_tasks", "include_tasks"):
                yield here.parent / (value["file"] if isinstance(value, dict) else value)
            elif verb in ("include_role", "import_role"):
                yield from role_files(value["name"], value.get("tasks_from", "main"))
            elif key == "roles":
                for role in value:
                    yield from role_files(role if isinstance(role, str) else role["role"], "main")
            elif isinstance(value, list):
                yield from named_in(value, here)


def role_files(name: str, tasks: str) -> Iterator[Path]:
    """A role's file of tasks, and the main ones of roles it depends on."""
    if "{{" in name:
        consumers = re.findall(r"consumers: \[(.*?)\]", (PROJECT / "group_vars/all/secrets.yml").read_text())
        for consumer in {"platform_secrets"} | {part.strip() for line in consumers for part in line.split(",") if part.strip()}:
            role, _, own = consumer.partition("/")
            yield from role_files(role, own or ("main" if "{{" in tasks else tasks))
        return
    if name == "component" and Path(tasks).stem == "restore":  # of each system, by what its role lays out
        yield from (template.parents[1] / "tasks/main.yml" for template in PROJECT.glob("roles/*/templates/restore.yml.j2"))
    yield PROJECT / f"roles/{name}/tasks/{tasks.removesuffix('.yml')}.yml"


@cache
def run_by(where: str) -> tuple[frozenset[Path], str]:
    """The files of tasks that a scenario or a test runs, not merely checks, and its own code."""
    place = PROJECT / where
    if place.is_dir():
        code = "\n".join(path.read_text() for path in place.glob("tests/*.py"))
        return frozenset().union(*(leads_to(path) for path in place.glob("*.yml"))), code
    code = place.read_text()
    found = set()
    for node in ast.walk(ast.parse(code)):
        words = [word(part) for part in (node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.List) else [])]
        if "--check" not in words:
            found |= {path for name in words if PLAYS.fullmatch(name) for path in leads_to(PROJECT / name)}
    return frozenset(found), code


def reaches(where: str, line: str, sources: set[str]) -> bool:
    """Whether a scenario or a test runs the command line: by a task with its module, by the role that it lies in, or itself."""
    tasks, code = run_by(where)
    if re.search(rf"\b{re.escape(line)}\b(?! [a-z])", code):
        return True
    says = SAYS[max((start for start in SAYS if line.startswith(start)), key=len)]
    for source in sources:
        if source.startswith(("roles/", "programs/")):  # a system's programs run in what its role lays out
            role = PROJECT / "roles" / source.split("/")[1]
            if any(path.is_relative_to(role) for path in tasks):
                return True
        else:
            key = re.compile(rf"^ *(- )?({'|'.join(modules_of(source))}):$", re.MULTILINE)
            if any(key.search(text) and says in text for text in (path.read_text() for path in tasks)):
                return True
    return False


@pytest.mark.parametrize("line", [line for line, where in RUN.items() if where != "README.md"])
def test_what_is_named_beside_a_command_line_runs_it(line):
    sources = {path for path, lines in found_in().items() if line in lines}
    if line in TASKS:
        assert any(re.search(rf"\b{line}\b", path.read_text()) for path in run_by(RUN[line])[0])
    else:
        assert reaches(RUN[line], line, sources), f"{RUN[line]} does not come by {', '.join(sorted(sources))}"


@pytest.mark.parametrize(
    ("where", "line"),
    [
        ("tests/lab/test_machines.py", "etcdctl member list"),  # it runs other playbooks, and of site.yml the check
        ("tests/lab/test_machines.py", "kubeadm join"),
        ("molecule/kubeadm", "kubeadm init"),  # its cluster is there, and it runs phases
    ],
)
def test_what_does_not_run_a_command_line_gets_no_credit(where, line):
    assert not reaches(where, line, {"plugins/modules/kubeadm_member.py"})
