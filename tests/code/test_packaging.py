"""What is shipped: a bento that builds, exact requirements, a container file that names what exists."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import packages_distributions
from pathlib import Path
from threading import Thread

import pytest

#: Extras that a part of `serving/` may ask for.
SERVED = {"serving", "client", "traces"}


def pins(path: Path) -> dict[str, str]:
    """Exact versions by normalised name."""
    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    return {re.sub(r"[-_.]+", "-", name.lower()): version for name, version in (line.split("==") for line in lines)}


def test_requirements_are_the_service_s_at_the_versions_tested(root):
    shipped, tested = pins(root / "requirements.txt"), pins(root / "constraints.txt")
    assert shipped.items() <= tested.items()
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["serving"]]
    wanted += project["optional-dependencies"]["traces"]
    names = {re.sub(r"[-_.]+", "-", re.match(r"[A-Za-z0-9._-]+", name)[0].lower()) for name in wanted}
    assert names <= set(shipped)
    assert not {"torch", "transformers", "mlflow"} & set(shipped)


@pytest.mark.packaging
def test_a_bento_is_built_with_its_bundle_and_without_leftovers(root, tmp_path):
    environment = os.environ | {"BENTOML_HOME": str(tmp_path), "BENTOML_DO_NOT_TRACK": "true"}
    done = subprocess.run(
        [sys.executable, "-m", "bentoml", "build", "--output", "tag"],
        cwd=root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    latest = tmp_path / "bentos" / "vigie" / (tmp_path / "bentos/vigie/latest").read_text().strip()
    source = latest / "src"
    for name in ("serving/service.py", "serving/embedded/manifest.json", "configs/taxonomy.toml", "pyproject.toml"):
        assert (source / name).exists()
    assert {path.name for path in source.iterdir()} <= {
        "serving",
        "configs",
        "pyproject.toml",
        "LICENSE",
        "bentofile.yaml",
    }
    assert not list(source.rglob("__pycache__"))
    packed = (latest / "env/python/requirements.txt").read_text(encoding="utf-8")
    assert {f"{name}=={version}" for name, version in pins(root / "requirements.txt").items()} <= set(packed.split())


@pytest.fixture(scope="module")
def containerfile(root) -> str:
    return (root / "Containerfile").read_text(encoding="utf-8")


def test_the_container_copies_what_exists_and_is_let_in(root, containerfile):
    copied = [name for line in re.findall(r"^COPY (?!--from)(.+) \S+$", containerfile, re.M) for name in line.split()]
    allowed = {line[1:] for line in (root / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert len(copied) >= 8
    assert all((root / name).exists() for name in copied)
    assert set(copied) == allowed


def test_the_container_is_not_root_and_its_variables_are_settings(containerfile):
    from serving.settings import VARIABLES

    user = re.findall(r"^USER (\S+)$", containerfile, re.M)
    assert user == ["10001"]
    assert containerfile.index("USER 10001") < containerfile.index("ENTRYPOINT")
    assert set(re.findall(r"(VIGIE_[A-Z_]+)=", containerfile)) <= set(VARIABLES)


@pytest.mark.parametrize(("status", "healthy"), [(200, True), (503, False)])
def test_the_health_check_asks_readyz(containerfile, status, healthy):
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_arguments):
            pass

    server = HTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    command = json.loads(re.search(r"^HEALTHCHECK .*? CMD (\[.*\])$", containerfile, re.M)[1])
    environment = os.environ | {"VIGIE_PORT": str(server.server_port)}
    done = subprocess.run([sys.executable, *command[1:]], env=environment, capture_output=True, check=False)
    server.shutdown()
    assert (done.returncode == 0) is healthy
    assert asked == ["/readyz"]


def test_every_figure_is_told(root):
    from prometheus_client import CollectorRegistry

    from serving.api.meters import Meters

    registry = CollectorRegistry()
    Meters(registry)
    page = (root / "docs" / "operations.md").read_text(encoding="utf-8")
    names = {family.name for family in registry.collect()}
    untold = {name for name in names if name not in page and not name.startswith("vigie_shadow_")}
    assert untold == set()
    assert {name for name in names if name.startswith("vigie_shadow_")} == {
        "vigie_shadow_texts",
        "vigie_shadow_labels",
        "vigie_shadow_disagreements",
        "vigie_shadow_score_gap",
    }


def test_what_the_service_imports_it_declares(root):
    """Imports inside functions as well: they fail on a machine without the training extra, and nowhere else."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]
    declared = {*project["dependencies"], *(line for name in extras if name in SERVED for line in extras[name])}
    names = {re.split(r"[\[<>=;~! ]", line)[0].lower().replace("_", "-") for line in declared}
    homes = packages_distributions()
    undeclared = {
        (path.name, module)
        for path in (root / "serving").rglob("*.py")
        for module in imported(path)
        if module not in sys.stdlib_module_names | {"serving", "__future__"}
        and names.isdisjoint(home.lower().replace("_", "-") for home in homes.get(module, [module]))
    }
    assert undeclared == set()


def imported(path: Path) -> set[str]:
    """First names of the absolute imports of a module, wherever in it they stand."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    plain = (alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names)
    froms = (node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level)
    return {name.partition(".")[0] for name in (*plain, *froms)}
