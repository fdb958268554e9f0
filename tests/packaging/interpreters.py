"""Find the versions of Python that the package is for on this machine.

As a program, it prints the path of the one whose version is given: `python interpreters.py 3.9`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Iterator, Optional

VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")

_PROBE = 'import sys, ensurepip, venv; print("{}.{}".format(*sys.version_info))'


def find(version: str) -> Optional[str]:
    """Return the path of an interpreter of that version that can make environments; None where there is none."""
    return next((path for path in _candidates(version) if _answers(path, version)), None)


def _candidates(version: str) -> Iterator[str]:
    for directory in os.get_exec_path():
        path = shutil.which(f"python{version}", path=directory)
        if path is not None:
            yield path
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from map(str, sorted(pyenv.glob(f"versions/{version}.*/bin/python")))


def _answers(path: str, version: str) -> bool:
    # What pyenv puts on PATH fails when no version of pyenv is chosen.
    probe = subprocess.run([path, "-c", _PROBE], capture_output=True, text=True, check=False)
    return probe.returncode == 0 and probe.stdout.strip() == version


if __name__ == "__main__":
    found = find(sys.argv[1])
    if found is None:
        sys.exit(f"There is no Python {sys.argv[1]} on PATH or under PYENV_ROOT.")
    print(found)
