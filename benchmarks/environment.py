"""The environments of the benchmarks: the peers, and this SDK as its users get it, as a wheel."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from benchmarks.processes import ROOT

HOME = ROOT / ".venv-bench"
PYTHON = HOME / ("Scripts" if sys.platform == "win32" else "bin") / "python"
PUBLISHED = HOME / "statebase-0.4.1"
GENERATED = HOME / "generated"
RC1 = HOME / "statebase-1.0.0rc1"
"""The first release candidate, built from the history; not there where the history is not."""
STORES = HOME / "stores"
"""An environment with vector stores: what they bring along would be imported by the clients too."""
STORES_PYTHON = STORES / PYTHON.relative_to(HOME)

_COMMIT_OF_RC1 = "8f3d00a75d0da3485aa2d764dbd03adceb0f8a88"
_OPTIONAL = ("qdrant-client==1.20.0", "chromadb==1.5.9")
_DOCUMENT = ROOT / "openapi" / "statebase-v1.json"
_REQUIREMENTS = Path(__file__).with_name("requirements.txt")


def prepare(*, stores: bool) -> None:
    """Create or update the environments; this SDK is built and installed each time."""
    wheels = HOME / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    _uv("build", "--quiet", "--wheel", "--out-dir", str(wheels))
    (wheel,) = map(str, wheels.glob("*.whl"))
    _make(HOME, PYTHON)
    _install(PYTHON, "--requirements", str(_REQUIREMENTS))
    _install(PYTHON, "--reinstall-package", "statebase", wheel)
    if not PUBLISHED.exists():  # of the same name as this SDK: it comes first where this directory is on the path
        _install(PYTHON, "--no-deps", "--target", str(PUBLISHED), "statebase==0.4.1")
    _install_rc1()
    _generate()
    if stores:
        _make(STORES, STORES_PYTHON)
        _install(STORES_PYTHON, "--reinstall-package", "statebase", wheel, "numpy")
        for package in _OPTIONAL:
            if _install(STORES_PYTHON, package, check=False):
                print(f"could not install {package}: its comparison is left out", file=sys.stderr)


def _install_rc1() -> None:
    if RC1.exists():
        return
    with tempfile.TemporaryDirectory() as directory:
        archive = Path(directory, "rc1.tar")
        command = ["git", "archive", "--format=tar", f"--output={archive}", _COMMIT_OF_RC1]
        try:
            subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            print("the history has no 1.0.0rc1: its comparison is left out", file=sys.stderr)
            return
        source = Path(directory, "source")
        with tarfile.open(archive) as packed:
            packed.extractall(source, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
        _install(PYTHON, "--no-deps", "--target", str(RC1), str(source))


def _generate() -> None:
    target = GENERATED / "generated_client"
    if target.exists() and target.stat().st_mtime > _DOCUMENT.stat().st_mtime:
        return
    shutil.rmtree(GENERATED, ignore_errors=True)
    GENERATED.mkdir(parents=True)
    config = GENERATED / "config.yaml"
    config.write_text("post_hooks: []\n")  # they would format the code, which costs no call anything
    command = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    command += ["--path", str(_DOCUMENT), "--output-path", str(target), "--config", str(config)]
    subprocess.run(command, check=True, cwd=GENERATED, stdout=subprocess.DEVNULL)


def _make(home: Path, python: Path) -> None:
    if not python.exists():
        _uv("venv", "--quiet", "--allow-existing", "--python", sys.executable, str(home))


def _install(python: Path, *arguments: str, check: bool = True) -> int:
    return _uv("pip", "install", "--quiet", "--python", str(python), *arguments, check=check)


def _uv(*arguments: str, check: bool = True) -> int:
    found = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    command = [found] if found else [sys.executable, "-m", "uv"]
    return subprocess.run([*command, *arguments], check=check, cwd=ROOT).returncode


if __name__ == "__main__":
    prepare(stores=True)
