"""What tests of every kind share: running a module as Ansible would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible.module_utils.testing import patch_module_args

PROJECT = Path(__file__).parents[1]


class ModuleFailed(Exception):
    """A module ended with fail_json; its message is the text, all it said is ``result``."""

    def __init__(self, result):
        super().__init__(result["msg"])
        self.result = result


@pytest.fixture
def project():
    """Root of the repository."""
    return PROJECT


@pytest.fixture
def run_module(capsys, tmp_path):
    """Run a module's ``main`` in this process: ``run_module(module, check=False, **arguments)`` gives its result.

    Raises ModuleFailed where it fails.
    """

    def run(module, *, check=False, **arguments):
        arguments |= {"_ansible_check_mode": check, "_ansible_remote_tmp": str(tmp_path), "_ansible_diff": True}
        with patch_module_args(arguments), pytest.raises(SystemExit):
            module.main()
        result = json.loads(capsys.readouterr().out)
        if result.get("failed"):
            raise ModuleFailed(result)
        return result

    run.failure = ModuleFailed
    return run
