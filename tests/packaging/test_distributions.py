"""The published files have the expected content, and nothing else."""

from __future__ import annotations

import email
import email.message
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Dict, Set

import pytest

import statebase

ROOT = Path(__file__).parents[2]
PACKAGE = Path(statebase.__file__).parent


def build(target: str, source: Path, directory: Path) -> Path:
    """Build a distribution, in the environment of the tests, without a network."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(directory)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (file,) = directory.iterdir()
    return file


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("sdist", ROOT, tmp_path_factory.mktemp("sdist"))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build("wheel", ROOT, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def unpacked(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("unpacked")
    with tarfile.open(sdist) as archive:
        # What is unpacked was packed a moment ago by this test; Python 3.14 filters by itself.
        archive.extractall(directory, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    return directory / sdist.name[: -len(".tar.gz")]


def files_under(directory: Path) -> Set[str]:
    """List the files of a directory as paths inside it, without what Python leaves behind."""
    found = (file for file in directory.rglob("*") if file.is_file() and "__pycache__" not in file.parts)
    return {file.relative_to(directory).as_posix() for file in found}


def contents(wheel: Path) -> Dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def metadata(wheel: Path) -> email.message.Message:
    (text,) = [text for name, text in contents(wheel).items() if name.endswith(".dist-info/METADATA")]
    return email.message_from_bytes(text)


def test_wheel_holds_the_package_alone(wheel: Path) -> None:
    """Each file of src/statebase is there, byte for byte, with the metadata and nothing else."""
    inside = {name: text for name, text in contents(wheel).items() if ".dist-info/" not in name}

    assert set(inside) == {f"statebase/{name}" for name in files_under(PACKAGE)}
    assert all(text == (PACKAGE.parent / name).read_bytes() for name, text in inside.items())
    assert "statebase/py.typed" in inside


def test_wheel_is_small(wheel: Path) -> None:
    """Everyone downloads it. The engine is about half of it: 60 kB are the databases, 45 kB the search."""
    assert wheel.stat().st_size < 700_000


def test_wheel_carries_the_licence(wheel: Path) -> None:
    """The licence travels with the code."""
    (licence,) = [text for name, text in contents(wheel).items() if name.endswith("/licenses/LICENSE")]

    assert licence == (ROOT / "LICENSE").read_bytes()


def test_wheel_requires_three_packages(wheel: Path) -> None:
    """Without an extra, these are all that an installation pulls."""
    required = [text for text in metadata(wheel).get_all("Requires-Dist", []) if "extra ==" not in text]

    assert [text.split("<")[0].split(">")[0] for text in required] == ["httpx", "pydantic", "typing-extensions"]


def test_wheel_says_the_version_of_the_package(wheel: Path) -> None:
    """The version stands in one place."""
    assert metadata(wheel)["Version"] == statebase.__version__


def test_links_stay_at_home(wheel: Path) -> None:
    """The page of the package points to the project, and each of the links that people look for is there."""
    links = dict(link.split(", ") for link in metadata(wheel).get_all("Project-URL", []))

    assert {"Documentation", "Source", "Changelog", "Issues"} <= set(links)
    assert all(url.startswith(("https://statebase.org", "https://docs.statebase.org")) for url in links.values())


def test_sdist_builds_the_same_wheel(wheel: Path, unpacked: Path, tmp_path: Path) -> None:
    """A build from source has the same content as the published wheel."""
    rebuilt = build("wheel", unpacked, tmp_path)

    assert rebuilt.name == wheel.name
    assert rebuilt.read_bytes() == wheel.read_bytes()


@pytest.mark.skipif(not (ROOT / ".git").exists(), reason="this is no repository: an sdist, for example")
def test_sdist_holds_what_the_repository_holds(unpacked: Path) -> None:
    """It has what it takes to build and to test, and nothing that tools leave in a working directory."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout

    kept = {name for name in listed.splitlines() if not name.startswith((".ci/", "benchmarks/"))}

    assert files_under(unpacked) == kept | {"PKG-INFO"}
