"""The house rules that a tool can hold: arrows, layout, documents that do not lie."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *command], cwd=cwd, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def tracked(root: Path) -> list[str]:
    done = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def test_arrows_go_down(root: Path) -> None:
    done = run("-c", "from importlinter.cli import lint_imports_command as c; c()", cwd=root)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


def test_data_folders_hold_no_python(tracked: list[str]) -> None:
    assert [name for name in tracked if name.startswith("datasets/") and name.endswith(".py")] == []
    assert [name for name in tracked if re.fullmatch(r"tests/(.*/)?__init__\.py", name)] == []


def test_no_data_file_of_others_is_tracked(tracked: list[str]) -> None:
    data = [name for name in tracked if re.search(r"\.(csv|tsv|xlsx|parquet|zip|pkl)$", name)]
    assert {str(Path(name).parent) for name in data} <= {"datasets/second_reading"}


def test_our_annotations_hold_row_keys_and_labels_alone(root: Path) -> None:
    for path in (root / "datasets" / "second_reading").glob("*.csv"):
        for line in path.read_text(encoding="utf-8").splitlines():
            assert re.fullmatch(r"[\w-]{1,20},[a-z_. ]*,[a-z_. ]*", line), path.name


def test_hugging_face_datasets_is_not_shadowed(root: Path) -> None:
    done = run("-c", "import datasets; print(datasets.Dataset.__module__)", cwd=root)
    assert done.stdout.strip() == "datasets.arrow_dataset", done.stderr


@pytest.mark.parametrize("name", ["README.md", *sorted(path.name for path in Path("docs").glob("*.md"))])
def test_links_in_documents_lead_somewhere(root: Path, name: str) -> None:
    path = root / name if (root / name).exists() else root / "docs" / name
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_commands_of_the_readme_exist(root: Path) -> None:
    text = (root / "README.md").read_text(encoding="utf-8")
    verbs = set(re.findall(r"^(vigie|vigie-train) ([a-z]+)", text, flags=re.MULTILINE))
    modules = {"vigie": "serving.cli", "vigie-train": "training.cli"}
    assert len(verbs) >= 3
    for program, verb in verbs:
        done = run("-m", modules[program], verb, "--help", cwd=root)
        assert done.returncode == 0, f"{program} {verb}: {done.stderr[-500:]}"


def test_every_dependency_has_its_reason(root: Path) -> None:
    lines = (root / "pyproject.toml").read_text(encoding="utf-8").splitlines()
    project = tomllib.loads("\n".join(lines))["project"]
    runtime = [*project["dependencies"], *project["optional-dependencies"]["serving"]]
    runtime += project["optional-dependencies"]["training"]
    unexplained = [
        name
        for name in runtime
        if not any(f'"{name}"' in line and "# " in line.split(f'"{name}"')[1] for line in lines)
    ]
    assert unexplained == []


def test_no_machine_path_is_tracked(root: Path) -> None:
    # Put together here so that this file does not find itself.
    pattern = "|".join(("/wo" + "rk/", "/ro" + "ot/", "/opt/wh" + "eels"))
    done = subprocess.run(["git", "grep", "-nIE", pattern], cwd=root, capture_output=True, text=True, check=False)
    assert done.stdout == ""
