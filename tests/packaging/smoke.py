"""Install the wheel into an empty environment for each Python on this machine, and use it: `python smoke.py WHEEL`.

The checkout is out of reach: the environment and the working directory are elsewhere.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from interpreters import VERSIONS, find

FIRST_USE = Path(__file__).with_name("first_use.py")


def main(wheel: Path) -> None:
    tried = [version for version in VERSIONS if smoke(version, wheel)]
    if not tried:
        sys.exit(f"There is none of Python {', '.join(VERSIONS)} on PATH or under PYENV_ROOT: nothing was tried.")


def smoke(version: str, wheel: Path) -> bool:
    """Try one version, and say how it went; return whether there is such a Python."""
    python = find(version)
    if python is None:
        print(f"Python {version}: not found", flush=True)
        return False
    with tempfile.TemporaryDirectory(prefix="statebase-smoke-") as directory:
        run([python, "-m", "venv", directory], directory)
        inside = str(Path(directory, "Scripts" if os.name == "nt" else "bin", "python"))
        run([inside, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", str(wheel)], directory)
        script = shutil.copy(FIRST_USE, directory)
        run([inside, "-W", "error", script], directory)
    print(f"Python {version}: good ({python})", flush=True)
    return True


def run(command: list[str], directory: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run(command, cwd=directory, env=environment, check=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
