"""No password is an argument: those of `kubectl exec` are in the audit log of every control plane, all others in /proc."""

import re

import pytest

# After `exec … --`, in the same paragraph: what the caller's shell replaces by a secret.
EXEC = re.compile(
    r"""\bexec\b[^\n|]*\s--\s(?:(?!\n\s*\n).)*?      # to the end of the paragraph
        (?:\$\([^()]*get\ secret|\$\{?\w*(?:pass|secret|token|elastic\b))""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
# A program that is no builtin of the shell, with such a variable behind it on the line; `[ … ]` is left out.
PROGRAM = re.compile(
    r"""^(?!.*\b(?:printf|echo|unset|export)\b).*\b[\w.-]+\b[^|=]*["' =,]\$\{?\w*(?:password|secret_key)\b""", re.IGNORECASE
)


@pytest.mark.parametrize(
    "text",
    [
        'es() { kubectl exec -i deploy/toolbox -- curl -sS -u "elastic:$ELASTIC" "https://elasticsearch:9200$@"; }',
        'kubectl -n x exec -i deploy/toolbox -- env NATS_URL=tls://nats:4222 NATS_PASSWORD="$password" "$@"; }',
        "kubectl exec -i deploy/toolbox -- python3 -c '\nimport neo4j\nprint(1)' \\\n  \"$(kubectl -n x get secret neo4j-credentials)\"",
    ],
)
def test_what_was_once_documented_is_found(text):
    assert EXEC.search(text)


def test_no_documented_command_has_a_password_in_its_arguments(project):
    pages = [*project.glob("*.md"), *project.glob("docs/**/*.md"), *project.glob("roles/*/README.md")]
    found = [(page.name, match[0]) for page in pages for match in [EXEC.search(page.read_text())] if match]
    assert not found


def test_no_program_in_a_pod_has_a_password_in_its_arguments(project):
    scripts = [path for folder in ("templates", "files") for path in project.glob(f"roles/*/{folder}/*.sh*")] + [
        *project.glob("images/*/*.sh")
    ]
    lines = [(f"{path.parents[1].name}/{path.name}", line.strip()) for path in scripts for line in path.read_text().splitlines()]
    assert not [(name, line) for name, line in lines if not line.startswith("#") and PROGRAM.search(re.sub(r"\[ .*? \]", "", line))]
