"""The Makefile installs nothing that is not pinned by a hash."""

import re
import tomllib


def test_every_package_has_a_hash(project):
    lines = [line for line in (project / "Makefile").read_text().splitlines() if "pip install" in line]
    assert len(lines) == 3
    for line in lines:
        # The project itself has no hash; its build takes what is installed already.
        assert "--require-hashes" in line or "--no-deps --no-build-isolation --editable ." in line, line


def test_what_builds_the_project_is_among_the_pinned(project):
    needs = tomllib.loads((project / "pyproject.toml").read_text())["build-system"]["requires"]
    names = {re.match(r"[\w-]+", need)[0] for need in needs}
    assert names <= set(re.findall(r"^([\w-]+)==", (project / "requirements.lock").read_text(), re.MULTILINE))
