"""Generated documentation is current, and says what the code says."""

import re
import subprocess
import sys

import pytest

from docs.generate.markdown import code, heading_comment, prose, table
from docs.generate.roles import readme
from docs.generate.terminal import picture


def test_generated_files_are_current(project):
    check = subprocess.run([sys.executable, "-m", "docs.generate", "--check"], cwd=project, capture_output=True, text=True)
    assert check.returncode == 0, check.stderr


def test_every_limit_that_a_page_tells_has_the_controller(project):
    pages = [page for pattern in ("README*.md", "docs/**/*.md", "roles/*/README.md") for page in project.glob(pattern)]
    told = [(page.name, hosts) for page in pages for hosts in re.findall(r"\.yml[^`\n]* --limit[= ]([^\s`]+)", page.read_text())]
    assert told, "then this test has nothing to look at"
    assert [line for line in told if "localhost" not in line[1].split(",")] == [], "playbooks/inventory_check.yml refuses it"


@pytest.mark.parametrize(
    ("ansible", "markdown"),
    [
        ("Give C(yes) or V(no).", "Give `yes` or `no`."),
        ("See M(site_secrets), B(now).", "See `site_secrets`, **now**."),
        ("Its settings (C(postgresql.conf)).", "Its settings (`postgresql.conf`)."),
        ("From C(lookup('site_secret', 'x')).", "From `lookup('site_secret', 'x')`."),
        ("L(text,https://a.example/)", "[text](https://a.example/)"),
        ("The O of a certificate (CN) is kept.", "The O of a certificate (CN) is kept."),
    ],
)
def test_ansible_markup_becomes_markdown(ansible, markdown):
    assert prose(ansible) == markdown


def test_a_table_escapes_what_would_end_a_cell():
    assert table(("a", "b"), [("x|y", "two\nlines")]).splitlines()[-1] == "| x\\|y | two lines |"


@pytest.mark.parametrize(
    ("value", "shown"), [(None, ""), ("", '`""`'), (False, "`false`"), ({"a": 1}, '`{"a": 1}`'), ("{{ x\n }}", "`{{ x }}`")]
)
def test_values_are_shown_as_in_yaml(value, shown):
    assert code(value) == shown


def test_a_heading_comment_keeps_its_commands_apart(tmp_path):
    playbook = tmp_path / "x.yml"
    playbook.write_text("---\n# Does a thing,\n# in two lines:\n#   ansible-playbook x.yml\n- hosts: all\n")
    assert heading_comment(playbook) == "Does a thing, in two lines:\n\n```bash\nansible-playbook x.yml\n```"


def test_a_role_readme_shows_defaults_choices_and_suboptions(tmp_path):
    defaults = tmp_path / "roles/demo/defaults/main.yml"
    defaults.parent.mkdir(parents=True)
    defaults.write_text("demo_mode: fast\n")
    options = {
        "demo_mode": {"type": "str", "choices": ["fast", "slow"], "description": "How."},
        "demo_disks": {"type": "list", "elements": "dict", "required": True, "options": {"path": {"type": "path", "required": True}}},
    }
    spec = {"argument_specs": {"main": {"short_description": "Demo", "options": options}}}

    text = readme(tmp_path, "demo", spec, ["site.yml"])

    assert "| `demo_mode` | str | `fast` | How. One of `fast`, `slow`. |" in text
    assert "| `demo_disks` | list of dict | **required** |  |" in text
    assert "| `demo_disks[].path` | path | **required** |  |" in text
    assert "Used in: `site.yml`." in text


def test_a_picture_of_a_terminal_shows_the_screen_of_a_run_in_its_colours_and_columns():
    screen = "\x1b[2mnode  state\x1b[0m\n\nw-1   \x1b[32mReady\x1b[0m\nw-2   \x1b[1;31mnot Ready\x1b[0m, <w-1 & all>"
    shown = picture(f"\x1b[0;34m0:00  Show\x1b[0m\n\n{screen}\n\n\x1b[0;31mfatal: [localhost]: FAILED!\x1b[0m\n")
    texts = re.findall(r'<text x="([\d.]+)" y="([\d.]+)">(.*)</text>', shown)
    assert [text for _, _, text in texts[1:]] == [
        '<tspan class="dim">node</tspan>',
        '<tspan class="dim">state</tspan>',
        "w-1",
        '<tspan class="green">Ready</tspan>',
        "w-2",
        '<tspan class="red">not Ready</tspan>, &lt;w-1 &amp; all&gt;',
    ]
    places = [(float(x), float(y)) for x, y, _ in texts[1:]]
    assert [x for x, _ in places] == [places[0][0], places[1][0]] * 3 and len({y for _, y in places}) == 3
    with pytest.raises(ValueError, match="found no screen"):
        picture("fatal: no cluster")
