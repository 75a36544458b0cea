"""The images of the lab: made of what they name, and of nothing of the machine that makes them."""

from __future__ import annotations

import subprocess

from lab import image


def test_settings_of_the_callers_python_stay_outside(monkeypatch, tmp_path):
    seen = []

    def run(command, env, **_):
        seen.append(env)
        return subprocess.CompletedProcess(command, 0)

    debian = image.node("trixie")
    monkeypatch.setattr(image, "apt_settings", lambda: [])
    monkeypatch.setattr(image.subprocess, "run", run)
    monkeypatch.setenv("PYTHONPYCACHEPREFIX", "/elsewhere")
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.example")
    image._bootstrap(debian, tmp_path / "root.tar")
    (environment,) = seen
    assert "PYTHONPYCACHEPREFIX" not in environment
    assert environment["HTTP_PROXY"] == "http://proxy.example"
