"""Where a lab keeps what it makes: keys, disks, node directories, derived inventories."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from artifacts import store

LabError = store.ArtifactError  # of either command, a user sees what went wrong and what to do about it


@dataclass(frozen=True)
class Paths:
    """The state directory: one part shared by all labs of this user, one per topology."""

    root: Path
    topology: str

    @classmethod
    def of(cls, topology: str) -> Paths:
        """``$VOICEHELPER_LAB_STATE``, else ``voicehelper-lab`` in the user's state directory; made when missing.

        Raises LabError for a path that SSH would take for several.
        """
        chosen = os.environ.get("VOICEHELPER_LAB_STATE")
        state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
        root = (Path(chosen) if chosen else Path(state) / "voicehelper-lab").expanduser().resolve()
        if any(letter.isspace() for letter in str(root)):
            raise LabError(f"{root}: SSH splits a path with a space; VOICEHELPER_LAB_STATE names another directory for the lab's state")
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cls(root, topology)

    @property
    def ssh(self) -> Path:
        """The lab's own SSH key and the host keys of every node."""
        return self.root / "ssh"

    @property
    def lab(self) -> Path:
        """Everything of one topology; ``lab down`` removes it."""
        return self.root / self.topology

    @property
    def inventory(self) -> Path:
        """The inventory derived for a topology that is not the lab's own."""
        return self.lab / "inventory"

    def node(self, name: str) -> Path:
        """A node's own directories: gone with the node."""
        return self.lab / "nodes" / name

    def disks(self, name: str) -> Path:
        """A node's data disks: they outlive a reset of the node."""
        return self.lab / "disks" / name

    @property
    def logs(self) -> Path:
        """What installing packages and making images said."""
        return self.root / "logs"

    def locked(self) -> AbstractContextManager[None]:
        """Hold this state directory against another ``lab`` command that changes nodes."""
        return store.locked(self.root / ".lock", "another lab command is at work; try again when it has ended")
