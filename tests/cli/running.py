"""Running the command as a shell does."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def wamon(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m wamon ARGUMENTS` in `folder`, with nothing in its environment but `environment`."""
    # Coverage of child processes needs its own variables, and nothing else may come in from outside.
    kept = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    return subprocess.run(
        [sys.executable, "-m", "wamon", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), **kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )
