"""The notebooks: nothing of a run is kept in them, and each runs from top to bottom without network."""

from __future__ import annotations

import ast
import re
import shutil
from collections import Counter
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from source_twins import make_twins

from serving.bundle import FAMILIES
from training.notebooks.page import as_page

FOLDER = Path(__file__).resolve().parents[2] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
#: Files of our cases that a test run reads: all that is held out, and the first ones that were written to learn from.
SMALL = ("lexicon", "haine", "harcelement", "terrorisme", "ordinaire", *(f"held_out_{name}" for name in FAMILIES))

#: What a test run is content with, by number of the notebook.
SMALLER = {
    "02": "replicates = 60; shares = (0.2, 1.0)",
    "03": "instances = 3; sentences = 4; replicates = 60",
    "04": "worlds = 2; a_day = 60",
}

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

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.fixture(autouse=True)
def own_jupyter_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kernels read and write no settings, histories or connection files of the person who runs the tests."""
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))


@pytest.fixture(scope="module")
def few_cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cards, the second reading and some of our cases: what a notebook reads within seconds."""
    folder, shipped = tmp_path_factory.mktemp("datasets"), FOLDER.parent / "datasets"
    for card in shipped.glob("*.toml"):
        shutil.copy(card, folder)
    shutil.copytree(shipped / "second_reading", folder / "second_reading")
    (folder / "vigie").mkdir()
    for name in SMALL:
        shutil.copy(shipped / "vigie" / f"{name}.toml", folder / "vigie")
    return folder


def execute(notebook: NotebookNode, parameters: str = "") -> NotebookNode:
    """Run a copy of ``notebook`` in its folder, without network; ``parameters`` after its own, as papermill does."""
    guarded = nbformat.from_dict(notebook)
    if parameters:
        guarded.cells.insert(_parameters(guarded) + 1, nbformat.v4.new_code_cell(parameters))
    guarded.cells.insert(0, nbformat.v4.new_code_cell(_NO_NETWORK))
    return NotebookClient(guarded, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}}).execute()


def _parameters(notebook: NotebookNode) -> int:
    tagged = [place for place, cell in enumerate(notebook.cells) if "parameters" in cell.metadata.get("tags", ())]
    assert len(tagged) == 1
    return tagged[0]


def pictures(done: NotebookNode) -> int:
    """Figures shown: of matplotlib, and of our reports."""
    shown = [output.get("data", {}) for cell in done.cells for output in cell.get("outputs", ())]
    return sum("image/svg+xml" in data or "<img" in data.get("text/html", "") for data in shown)


def test_there_are_notebooks_and_their_numbers_order_them() -> None:
    assert NOTEBOOKS
    assert [path.name for path in NOTEBOOKS if not re.fullmatch(r"\d\d_[a-z0-9_]+\.ipynb", path.name)] == []
    assert max(Counter(path.name[:2] for path in NOTEBOOKS).values()) == 1


@each
def test_outputs_are_cleared(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert code
    assert [cell.id for cell in code if cell.outputs or cell.execution_count is not None] == []
    assert set(notebook.metadata) <= {"kernelspec", "language_info"}


@each
def test_one_cell_of_parameters_gives_values_and_nothing_else(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    given = ast.parse(notebook.cells[_parameters(notebook)].source).body
    assert given
    for line in given:
        assert isinstance(line, ast.Assign)
        ast.literal_eval(line.value)


def links(prose: str) -> list[str]:
    return re.findall(r"\]\((?!https?:|#)([^)#\s]+)", prose)


@each
def test_links_lead_somewhere(path: Path) -> None:
    notebook = nbformat.read(path, as_version=4)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    assert [link for link in links(prose) if not (FOLDER / link).exists()] == []


def test_every_notebook_is_in_the_readme() -> None:
    named = links((FOLDER / "README.md").read_text(encoding="utf-8"))
    assert [link for link in named if not (FOLDER / link).exists()] == []
    assert {path.name for path in NOTEBOOKS} <= set(named)


@pytest.mark.timeout(180)
@each
def test_runs_offline_on_some_of_our_own_cases(
    path: Path, few_cases: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VIGIE_DATASETS", str(few_cases))
    monkeypatch.setenv("VIGIE_CACHE", str(tmp_path / "cache"))
    for name in ("VIGIE_MIRROR", "VIGIE_CORPUS", "VIGIE_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    done = execute(nbformat.read(path, as_version=4), SMALLER.get(path.name[:2], ""))
    assert pictures(done) >= 3
    loud = [out.text for cell in done.cells for out in cell.get("outputs", ()) if out.get("name") == "stderr"]
    assert "".join(loud).count("Warning:") == 0, loud  # of Python; the kernel's own log is not ours


@pytest.mark.timeout(180)
def test_a_parameter_widens_the_rows_to_public_sources(
    tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twins = make_twins(tmp_path, root)
    for name in ("datasets", "mirror", "corpus", "cache"):
        monkeypatch.setenv(f"VIGIE_{name.upper()}", str(getattr(twins, name)))
    notebook = nbformat.read(NOTEBOOKS[0], as_version=4)
    told = {public: _told(execute(notebook, f"public = {public}")) for public in (True, False)}
    assert "jigsaw_fr | 51 |" in told[True]  # rows read of the twin of a source
    assert "jigsaw_fr | 51 |" not in told[False]


def _told(done: NotebookNode) -> str:
    shown = [output.get("data", {}) for cell in done.cells for output in cell.get("outputs", ())]
    return "\n".join(data.get("text/markdown", "") for data in shown)


def test_a_page_holds_prose_and_outputs_without_code() -> None:
    shown = [
        nbformat.v4.new_output("display_data", {"text/markdown": "| a | b |\n| - | - |\n| 1 | 2 |"}),
        nbformat.v4.new_output("display_data", {"image/svg+xml": "<svg></svg>", "text/plain": "<Figure>"}),
        nbformat.v4.new_output("stream", text="bruit"),
    ]
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell(
                "# Les données\n\nVoir [la suite](02_b.ipynb) et [la page](../docs/data.md)."
            ),
            nbformat.v4.new_code_cell("secret = 1", outputs=shown),
        ]
    )
    page = as_page(notebook, Path("/depot/notebooks/01_a.ipynb"), Path("/depot/var/notebooks"))
    assert "<title>Les données</title>" in page
    assert 'href="02_b.html"' in page
    assert 'href="../../docs/data.md"' in page
    assert "<td>2</td>" in page
    assert page.count("data:image/svg+xml;base64,") == 1
    assert "secret" not in page
    assert "bruit" not in page


def test_the_guard_refuses_the_network() -> None:
    asking = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell("import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)")]
    )
    with pytest.raises(CellExecutionError, match="looked for the network"):
        execute(asking)
