"""The notebook runs from its first cell to its last, and is kept without outputs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, Dict

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

pytestmark = pytest.mark.slow

NOTEBOOK = Path(__file__).parents[2] / "examples" / "notebook.ipynb"


class Manager(AsyncKernelManager):
    """Starts kernels of the interpreter that runs the tests, whatever others are installed on the machine."""

    def _kernel_spec_manager_default(self) -> KernelSpecManager:
        return KernelSpecManager(kernel_dirs=[])


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Dict[str, str]:
    """The output of each cell, in all its forms, by the ID of the cell; the interpreter as `interpreter`."""
    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("import sys\nprint(sys.executable)", id="interpreter"))
    with pytest.MonkeyPatch.context() as environment:
        for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR"):
            environment.setenv(name, str(tmp_path_factory.mktemp(name)))
        NotebookClient(notebook, kernel_manager_class=Manager, timeout=120).execute()
    return {
        cell.id: "".join(output.text if "text" in output else "".join(output.data.values()) for output in cell.outputs)
        for cell in notebook.cells
        if cell.cell_type == "code"
    }


def test_kernel_is_this_interpreter(outputs: Dict[str, str]) -> None:
    """The cells run with the package that is tested, not with what a kernel elsewhere has."""
    assert outputs["interpreter"].strip() == sys.executable


def test_cells_show_what_they_are_for(outputs: Dict[str, str]) -> None:
    """The rollback, the search, the context, the fork, asyncio and the trail are there to be seen."""
    assert outputs["change-state"].splitlines()[0] == "3 {'order': 'A-1043', 'refund': 12.5}"
    assert "Prefers to be contacted by e-mail" in outputs["search"]
    assert "# Conversation so far\nUser: Where is my order?\nAssistant: It arrives tomorrow." in outputs["prompt"]
    assert "{'role': 'assistant', 'content': 'I am sorry. I can refund the cup.'}" in outputs["messages"]
    assert outputs["fork"].splitlines() == [
        "the fork: {'order': 'A-1043', 'refund': 1250.0}",
        "the session: {'order': 'A-1043', 'refund': 12.5}",
    ]
    assert outputs["async"] == "1"
    assert outputs["trail"].split() == [
        *["memory.created"] * 2,
        "state.rolled_back",
        *["state.updated"] * 2,
        *["turn.added"] * 3,
        "session.created",
    ]


def test_no_outputs_are_kept() -> None:
    """Ids and times differ with each run and would be noise in every change."""
    notebook: Any = nbformat.read(NOTEBOOK, as_version=4)

    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert [(cell.outputs, cell.execution_count) for cell in cells] == [([], None)] * len(cells)
