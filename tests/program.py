"""``vigie`` as people run it: the console script in a process of its own, with its own state folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

#: Beside the interpreter, where pip puts it.
SCRIPT = Path(sys.executable).with_name("vigie")


class Program:
    """One deployment and its command line."""

    def __init__(self, state: Path, bundle: Path) -> None:
        self.state = state
        self.environment = os.environ | {"VIGIE_STATE": str(state), "VIGIE_BUNDLE": str(bundle), "COLUMNS": "200"}

    def __call__(self, *arguments: str, stdin: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(SCRIPT), *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            env=self.environment | environment,
        )

    def says(self, *arguments: str, stdin: str = "", **environment: str) -> str:
        """What a command that succeeds prints, errors and progress included."""
        done = self(*arguments, stdin=stdin, **environment)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr


def refused(done: subprocess.CompletedProcess[str], said: str) -> None:
    """The command said why it cannot be done, in one line."""
    assert done.returncode == 2, done.stdout
    assert said in done.stderr
    assert "Traceback" not in done.stderr
