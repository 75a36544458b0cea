#!/usr/bin/python3
"""The server's restore_command: a piece of the log that a member which was away for long no longer finds at the leader.

The server also asks while it starts and while it takes over the lead. An archive that does not answer must not hold that up: it gets a few
seconds, and is then left in peace for a while.
"""

import subprocess
import sys
import time
from pathlib import Path

AWAY = Path("/tmp/archive-is-away")
PEACE_SECONDS = 60
ANSWER_SECONDS = 5
NOT_THERE = 1  # pgBackRest's answer, and what the server understands

if AWAY.exists() and time.time() - AWAY.stat().st_mtime < PEACE_SECONDS:
    sys.exit(NOT_THERE)
try:
    code = subprocess.run(["pgbackrest", "archive-get", *sys.argv[1:]], timeout=ANSWER_SECONDS).returncode
except subprocess.TimeoutExpired:
    code = None
if code not in (0, NOT_THERE):
    AWAY.touch()
sys.exit(0 if code == 0 else NOT_THERE)
