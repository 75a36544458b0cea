"""What a run shows: where it is, how far, how long it has taken; at the end the slow tasks and the hosts that were lost."""

from __future__ import annotations

DOCUMENTATION = r"""
name: site_progress
type: stdout
short_description: The default output with elapsed time, task timing and a closing summary
description:
  - One line per play (name, hosts, elapsed) and per task (elapsed, play); the ten slowest tasks at the end.
  - Hosts that could not be reached are named once more in the last lines.
extends_documentation_fragment: [default_callback, result_format_callback]
options:
  slowest:
    description: How many of the slowest tasks are listed at the end.
    type: int
    default: 10
    env: [{name: SITE_PROGRESS_SLOWEST}]
    ini: [{section: callback_site_progress, key: slowest}]
  timing_file:
    description: Also write every task's seconds and the host results to this JSON file.
    type: path
    env: [{name: SITE_PROGRESS_TIMING_FILE}]
"""

import json
import time
from pathlib import Path

from ansible import constants as C
from ansible.plugins.callback.default import CallbackModule as Default


def clock(seconds: float) -> str:
    """Seconds as m:ss."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


class CallbackModule(Default):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "site_progress"

    def __init__(self):
        super().__init__()
        self._began = time.monotonic()
        self._task_began = None
        self._tasks: list[list] = []
        self._plays = 0
        self._stage = ""

    def _close_task(self):
        if self._task_began is not None:
            self._tasks[-1][0] = time.monotonic() - self._task_began
            self._task_began = None

    def _open_task(self, task):
        self._close_task()
        self._tasks.append([0.0, task.get_name().strip(), str(task.get_path() or ""), self._stage])
        self._task_began = time.monotonic()

    def v2_playbook_on_play_start(self, play):
        self._close_task()
        self._plays += 1
        hosts = len(play.get_variable_manager()._inventory.get_hosts(play.hosts)) if play.hosts else 0
        self._play = play
        self._stage = name = play.get_name().strip()
        plural = "host" if hosts == 1 else "hosts"
        self._display.banner(f"{clock(time.monotonic() - self._began)}  play {self._plays}: {name} ({hosts} {plural})")

    def _print_task_banner(self, task):
        line = f"{clock(time.monotonic() - self._began)}  {task.get_name().strip()}"
        self._display.display(f"\n{line}", color=C.COLOR_HIGHLIGHT if task.action != "meta" else None)
        self._last_task_banner = task._uuid

    def _task_start(self, task, prefix=None):
        self._open_task(task)
        super()._task_start(task, prefix=prefix)

    def v2_playbook_on_stats(self, stats):
        self._close_task()
        super().v2_playbook_on_stats(stats)
        total = time.monotonic() - self._began
        slowest = sorted(self._tasks, reverse=True)[: self.get_option("slowest")]
        self._display.display(f"Slowest of {len(self._tasks)} tasks, {clock(total)} in all:")
        for seconds, name, path, _ in slowest:
            if seconds >= 0.1:
                self._display.display(f"  {seconds:6.1f} s  {name}  {Path(path).name and self._short(path)}")
        if stats.dark:
            lost = ", ".join(sorted(stats.dark))
            self._display.display(f"\nUNREACHABLE, left out of this run: {lost}. Mend them and run again.", color=C.COLOR_ERROR)
        self._write_timing(stats, total)

    @staticmethod
    def _short(path: str) -> str:
        """The part of a task's path from its role or playbook on."""
        parts = Path(path).parts
        for anchor in ("roles", "playbooks"):
            if anchor in parts:
                return "/".join(parts[parts.index(anchor) :])
        return Path(path).name

    def _write_timing(self, stats, total: float):
        target = self.get_option("timing_file")
        if not target:
            return
        hosts = {host: stats.summarize(host) for host in sorted(stats.processed)}
        tasks = [{"seconds": round(s, 3), "task": name, "path": self._short(path), "play": play} for s, name, path, play in self._tasks]
        Path(target).write_text(json.dumps({"seconds": round(total, 2), "hosts": hosts, "tasks": tasks}, indent=1) + "\n")
