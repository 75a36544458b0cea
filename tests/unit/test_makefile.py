"""The Makefile installs nothing that is not pinned by a hash, and makes of a lab what its mode takes."""

import re
import subprocess
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


def test_the_store_is_filled_for_the_systems_of_the_mode(project):
    told = subprocess.run(["make", "--dry-run", "lab", "MODE=ai-only"], cwd=project, capture_output=True, text=True, check=True).stdout
    (line,) = [line for line in told.splitlines() if "artifacts prepare" in line]
    systems, prepare = line.split(" && ")
    assert systems.endswith("lab systems --mode=ai-only)")
    assert prepare.endswith('artifacts prepare --systems="$systems"')
