"""What check scripts get beside their own words cannot be lost to them."""

import re

from bootstrap.checks.pods import PRELUDE

DEFINED = re.compile(r"^(\w+)\(\)", re.MULTILINE)


def test_no_script_defines_what_the_checks_are_made_of(project):
    """A script that defined `answered` lost every finding of what should work, and nothing was red."""
    own = set(DEFINED.findall(PRELUDE))
    assert {"works", "refused"} == {name for name in own if not name.startswith("_")}
    scripts = sorted(project.glob("roles/*/templates/verify.sh.j2"))
    assert scripts
    for script in scripts:
        assert not own & set(DEFINED.findall(script.read_text())), script
