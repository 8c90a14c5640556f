"""Fixtures shared by all tests: offline by construction, and a tiny real bundle."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_DATASETS_OFFLINE="1",
    TRANSFORMERS_OFFLINE="1",
    MLFLOW_DISABLE_TELEMETRY="true",
    DO_NOT_TRACK="true",
    BENTOML_DO_NOT_TRACK="true",
    TOKENIZERS_PARALLELISM="false",
)

# A slow machine is no fault: no test here is timed, hypothesis' examples included.
settings.register_profile("vigie", deadline=None)
settings.load_profile("vigie")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def mirror() -> Path:
    """The mirror of public sources; tests that need it skip where there is none."""
    path = Path(os.environ.get("VIGIE_MIRROR") or ROOT / "../shared/mirror").resolve()
    if not path.is_dir():
        pytest.skip("no mirror of the public sources (VIGIE_MIRROR); the twin test runs on our own rows")
    return path


@pytest.fixture(scope="session")
def tiny_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sealed bundle with a real ONNX graph over a small vocabulary, without torch.

    A text that contains ``menace`` scores high on terrorisme and terrorisme.menace, ``haine`` on haine,
    ``insulte`` on harcelement, ``citation`` on contexte_protege; the other outputs are not trained.
    """
    from tiny_bundle import make_tiny_bundle

    return make_tiny_bundle(tmp_path_factory.mktemp("bundle") / "tiny")
