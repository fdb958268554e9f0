"""Pickles of 1.0.0rc1 are read by this version, wherever its classes are now."""

from __future__ import annotations

import base64
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Dict

import pytest

import statebase

PICKLES: Dict[str, str] = json.loads(Path(__file__).with_name("pickles_of_rc1.json").read_text("utf-8"))


@pytest.mark.parametrize("name", PICKLES)
def test_pickle_loads(name: str) -> None:
    """A pickle that 1.0.0rc1 wrote is an object of the class that has its name today."""
    loaded = pickle.loads(base64.b64decode(PICKLES[name]))

    kind = name.partition(" ")[0]
    expected = getattr(statebase, kind, None) or getattr(statebase.models, kind)
    assert type(loaded) is expected
    assert type(pickle.loads(pickle.dumps(loaded))) is expected


def test_error_loads_where_nothing_is_imported_yet() -> None:
    """The first thing that a fresh interpreter does with the package may be to read a pickle."""
    code = f"import base64, pickle; error = pickle.loads(base64.b64decode({PICKLES['NotFoundError']!r})); print(error)"

    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "404" in run.stdout
