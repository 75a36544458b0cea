"""Puts dumps of a moment into the bucket, where they stay until somebody removes them."""

from __future__ import annotations

import json
import os
from pathlib import Path

from programs.archive import Archive


def main() -> None:
    archive, moment, findings = Archive("moments/"), os.environ["MOMENT"], []
    folder = moment.replace(" ", "T")
    for dump in sorted(Path("/work/dumps").iterdir()):
        archive.put(folder, dump.name, dump)
        found = f"{archive.bucket}/{archive.prefix}{folder}/{dump.name}, {dump.stat().st_size} bytes"
        findings.append({"system": "postgresql", "check": f"{dump.stem} at {moment}", "ok": True, "found": found})
    print(json.dumps({"id": moment, "findings": findings}))


if __name__ == "__main__":
    main()
