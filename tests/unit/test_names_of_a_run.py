"""What the pages tell an operator to say with -e is known to the inventory check: it refuses what nothing reads."""

import re
from pathlib import Path

from bootstrap.validators.declared import known
from bootstrap.validators.names import OF_A_RUN, PRIVATE

ROOT = Path(__file__).parents[2]
SAID = re.compile(r"(?<![\w-])-e '?([a-z]\w*)=")


def test_every_variable_of_a_documented_command_line_is_known():
    options, shared = known()
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/how-to/*.md"), *ROOT.glob("playbooks/**/*.yml")]
    said = {(page.name, name) for page in pages for name in SAID.findall(page.read_text())}
    assert {("take-a-node-out-of-service.md", "node"), ("take-a-node-out-of-service.md", "accept")} <= said
    assert [found for found in sorted(said) if found[1] not in {*options, *shared, *OF_A_RUN} and not found[1].startswith(PRIVATE)] == []
