"""How Elasticsearch's members start: what Java is told to trust."""

import os
import subprocess

import pytest

from bootstrap.secrets import pki

# As the real one: it reads one certificate, from stdin, and refuses an alias that is there.
KEYTOOL = """#!/bin/bash -eu
while [[ $# -gt 0 ]]; do case $1 in -alias) alias=$2; shift ;; -keystore) store=$2; shift ;; -file) exec < "$2"; shift ;; esac; shift; done
mkdir -p "$store.d"
[[ ! -e $store.d/$alias ]] || { echo "alias <$alias> already exists" >&2; exit 1; }
sed '/END CERTIFICATE/q' > "$store.d/$alias"
"""


@pytest.mark.parametrize("count", [1, 2])
def test_java_trusts_every_ca_of_the_bundle(project, tmp_path, count):
    for folder in ("bin", "config", "jdk/bin", "settings", "memory"):
        (tmp_path / folder).mkdir(parents=True)
    for name, text in {
        "bin/server-keystore": "#!/bin/sh\ncat > /dev/null\n",
        "bin/server": "#!/bin/sh\n",
        "jdk/bin/keytool": KEYTOOL,
    }.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    for name in ("config/jvm.options", "settings/server.yml"):
        (tmp_path / name).touch()
    cas = [pki.make_ca(f"CA {number}", 100)["cert"] for number in range(count)]
    (tmp_path / "ca.crt").write_text("".join(cas))
    script = (project / "roles/elasticsearch/templates/start.sh").read_text().replace("/settings", str(tmp_path / "settings"))
    environment = {
        "SERVER_HOME": tmp_path,
        "SERVER": "server",
        "CONFIG": tmp_path / "memory",
        "AUTHORITY": tmp_path / "ca.crt",
        "KEYSTORE": "",
    }
    subprocess.run(["bash", "-c", script], env=os.environ | {k: str(v) for k, v in environment.items()}, check=True, capture_output=True)
    trusted = {path.read_text().strip() for path in (tmp_path / "memory/trust.p12.d").iterdir()}
    assert trusted == {text.strip() for text in cas}
