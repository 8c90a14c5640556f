"""The notebooks: nothing of a run is kept in them, and each runs from top to bottom without network."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))

#: Put before the cells of the copy that runs: an address beyond this machine is refused, and the cell fails.
_NO_NETWORK = """
import sys

def refuse(event, details):
    if event == "socket.getaddrinfo" and details[0] not in (None, "localhost", "127.0.0.1"):
        raise PermissionError("a notebook looked for the network")
    if event == "socket.connect" and isinstance(details[1], tuple) and details[1][0] not in ("127.0.0.1", "::1"):
        raise PermissionError("a notebook looked for the network")

sys.addaudithook(refuse)
"""


@pytest.fixture(autouse=True)
def own_jupyter_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels read and write no settings, histories or connection files of the person who runs the tests."""
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


def execute(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """Run a copy of ``notebook`` in ``folder``, without network."""
    guarded = nbformat.from_dict(notebook)
    guarded.cells.insert(0, nbformat.v4.new_code_cell(_NO_NETWORK))
    return NotebookClient(guarded, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()


def test_there_are_notebooks_and_their_numbers_order_them() -> None:
    assert NOTEBOOKS
    assert [path.name for path in NOTEBOOKS if not re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", path.name)] == []
    assert max(Counter(path.name[:2] for path in NOTEBOOKS).values()) == 1


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_outputs_are_cleared(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_links_lead_somewhere(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", prose)
    assert [link for link in links if not (FOLDER / link).exists()] == []


@pytest.mark.timeout(60)
@pytest.mark.parametrize("folder", [FOLDER, FOLDER.parent], ids=["its folder", "the root"])
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs_offline_within_a_minute(path: Path, folder: Path) -> None:
    done = execute(nbformat.read(path, as_version=4), folder)
    kinds = Counter(
        kind for cell in done.cells for output in cell.get("outputs", ()) for kind in output.get("data", ())
    )
    assert kinds["image/png"] > 0
    loud = [out.text for cell in done.cells for out in cell.get("outputs", ()) if out.get("name") == "stderr"]
    assert "".join(loud).count("Warning:") == 0, loud  # of Python; the kernel's own log is not ours


def test_the_guard_refuses_the_network() -> None:
    asking = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)")]
    )
    with pytest.raises(CellExecutionError, match="looked for the network"):
        execute(asking, FOLDER)
