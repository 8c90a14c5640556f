"""The only MLflow: one run per recipe run, and the registry where a bundle is challenger, then champion.

Without MLFLOW_TRACKING_URI everything lies under runs/: an SQLite database and local artefacts.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import mlflow
from datasets import Dataset, DatasetDict
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from serving.bundle import Bundle, BundleError, DatasetRecord, NotFound, Unavailable, check_bundle

#: Where runs and their tracking lie by default; ignored by git.
RUNS = Path("runs")
CHAMPION, CHALLENGER = "champion", "challenger"
#: Folder of the bundle among a run's artefacts.
BUNDLE = "bundle"
#: Experiment of audits, and the tag that names the bundle audited.
AUDITS, _AUDITED = "vigie-audit", "audited"


@dataclass(frozen=True)
class Tracked:
    """An open run."""

    run_id: str
    client: MlflowClient

    def data(self, tables: DatasetDict, records: Iterable[DatasetRecord]) -> None:
        """File what the model learns from: sources with digests, and a fingerprint of each split."""
        records = list(records)
        for split, table in tables.items():
            self.client.log_param(self.run_id, f"fingerprint.{split}", fingerprint(table))
            self.client.log_param(self.run_id, f"rows.{split}", len(table))
        for record in records:
            self.client.log_param(self.run_id, f"dataset.{record.name}", record.sha256)
        sources = {record.name: record.model_dump(mode="json") for record in records}
        self.client.log_dict(self.run_id, sources, "datasets.json")

    def history(self, records: Iterable[Mapping[str, float]]) -> None:
        """File the Trainer's log: one point per step it reports."""
        for record in records:
            for name, value in record.items():
                if name not in ("step", "epoch"):
                    self.client.log_metric(self.run_id, f"training/{name}", float(value), step=int(record["step"]))

    def metrics(self, figures: Mapping[str, float], step: int = 0) -> None:
        """File figures, such as `<label>/<metric>`."""
        for name, value in figures.items():
            self.client.log_metric(self.run_id, name, float(value), step=step)

    def files(self, folder: Path, under: str) -> None:
        """File a folder (figures, report) among the artefacts."""
        self.client.log_artifacts(self.run_id, str(folder), under)

    def register(self, model: str, bundle: Bundle) -> str:
        """File the bundle and make it the challenger of `model`.

        Returns:
            its version in the registry.
        """
        self.files(bundle.path, BUNDLE)
        self.client.set_tag(self.run_id, "bundle", bundle.id)
        with contextlib.suppress(MlflowException):  # exists already
            self.client.create_registered_model(model)
        source = f"{self.client.get_run(self.run_id).info.artifact_uri}/{BUNDLE}"
        version = self.client.create_model_version(model, source, self.run_id, tags={"bundle": bundle.id})
        self.client.set_registered_model_alias(model, CHALLENGER, version.version)
        return str(version.version)


@contextlib.contextmanager
def tracked(experiment: str, parameters: Mapping[str, Any], *, name: str) -> Iterator[Tracked]:
    """A run of `experiment`, with every leaf of `parameters` (a recipe) as a parameter.

    The run ends FAILED when the block raises, FINISHED otherwise.

    Raises:
        Unavailable: the tracking store cannot be reached or written.
    """
    client = open_store()
    try:
        run_id = client.create_run(_experiment(client, experiment), run_name=name).info.run_id
        for key, value in _flat(dict(parameters)):
            client.log_param(run_id, key, value)
    except MlflowException as error:
        raise Unavailable(_unreachable(error)) from None
    try:
        yield Tracked(run_id, client)
    except BaseException:
        client.set_terminated(run_id, "FAILED")
        raise
    client.set_terminated(run_id, "FINISHED")


def open_store() -> MlflowClient:
    """A client of the tracking store and registry.

    Raises:
        Unavailable: names the store and the reason.
    """
    for noisy in ("alembic", "mlflow"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    try:
        if not os.environ.get("MLFLOW_TRACKING_URI"):
            RUNS.mkdir(parents=True, exist_ok=True)
        return MlflowClient(tracking_uri=store_uri())
    except (MlflowException, OSError) as error:
        raise Unavailable(_unreachable(error)) from None


def store_uri() -> str:
    """MLFLOW_TRACKING_URI, or SQLite under runs/."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{(RUNS / 'mlflow.db').resolve()}"


def _experiment(client: MlflowClient, name: str) -> str:
    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    # With a server the artefacts' place is its own choice.
    place = None if os.environ.get("MLFLOW_TRACKING_URI") else (RUNS / "artefacts" / name).resolve().as_uri()
    return str(client.create_experiment(name, artifact_location=place))


def _unreachable(error: Exception) -> str:
    reason = str(error).strip().splitlines()[0]
    return f"MLFLOW_TRACKING_URI {store_uri()!r}: {reason}; start the server, or unset it to track under runs/"


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """Leaves of nested tables as dotted keys; lists as JSON."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _flat(inner, f"{prefix}.{key}" if prefix else key)
    else:
        yield prefix, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def fingerprint(table: Dataset) -> str:
    """SHA-256 of the rows' ids, texts, targets, masks and weights, in order: the same rows, the same fingerprint."""
    digest = hashlib.sha256()
    columns = [table[name] for name in ("row_id", "text", "target", "mask", "weight")]
    for row in zip(*columns, strict=True):
        digest.update(json.dumps(row, ensure_ascii=False).encode() + b"\n")
    return digest.hexdigest()


def file_audit(files: Iterable[Path], bundle: str, figures: Mapping[str, float], parameters: Mapping[str, Any]) -> str:
    """File the audit of a bundle (its `audit.json` among `files`) as a run of its own; returns the run's id.

    Nothing else of their folder is filed: it is the user's, and may hold texts.
    """
    with tracked(AUDITS, parameters, name=f"audit {bundle.rpartition(':')[2][:12]}") as run:
        run.client.set_tag(run.run_id, _AUDITED, bundle)
        run.metrics({re.sub(r"[^\w./ -]", "_", name): value for name, value in figures.items()})
        for file in files:
            run.client.log_artifact(run.run_id, str(file), "audit")
    return run.run_id


def fetch_audits(bundle: str, folder: Path) -> Iterator[Path]:
    """Every `audit.json` filed for `bundle`, the newest first, each brought under `folder` when it is asked for."""
    client = open_store()
    experiment = client.get_experiment_by_name(AUDITS)
    if experiment is None:
        return
    finished = f"tags.{_AUDITED} = '{bundle}' and attributes.status = 'FINISHED'"
    for run in client.search_runs([experiment.experiment_id], finished, order_by=["start_time DESC"]):
        place = folder / run.info.run_id
        place.mkdir()
        yield Path(client.download_artifacts(run.info.run_id, "audit/audit.json", str(place)))


@dataclass(frozen=True)
class FiledRun:
    """What the store keeps of a training run.

    Attributes:
        minutes: from its start to its end; None while it runs.
    """

    run_id: str
    started: datetime
    minutes: float | None


def filed_run(run_id: str) -> FiledRun | None:
    """The run called ``run_id``; None where there is no store, or it does not know the run."""
    if not os.environ.get("MLFLOW_TRACKING_URI") and not (RUNS / "mlflow.db").exists():
        return None
    try:
        found = open_store().get_run(run_id)
    except MlflowException:
        return None
    info = found.info
    return FiledRun(
        run_id=run_id,
        started=datetime.fromtimestamp(info.start_time / 1000, UTC),
        minutes=(info.end_time - info.start_time) / 60_000 if info.end_time else None,
    )


def promote(model: str, version: str, check: Callable[[Bundle], None] | None = None) -> str:
    """Make a version (number or alias) of `model` the champion, if its bundle is whole and `check` lets it pass.

    Returns:
        the version's number.

    Raises:
        NotFound: no such model, version or alias.
        BundleError: the bundle check fails; the champion stays as it was, as when `check` raises.
    """
    client = open_store()
    found = _version(client, model, version)
    with tempfile.TemporaryDirectory(prefix="vigie-promote-") as scratch:
        try:
            path = mlflow.artifacts.download_artifacts(
                artifact_uri=found.source, dst_path=scratch, tracking_uri=store_uri()
            )
        except (MlflowException, OSError) as error:
            raise BundleError(f"{model} version {found.version}: its bundle cannot be read: {error}") from None
        bundle = check_bundle(Path(path))
    if (expected := found.tags.get("bundle")) and expected != bundle.id:
        raise BundleError(f"{model} version {found.version}: bundle {bundle.id} is not the one registered, {expected}")
    if check:
        check(bundle)
    client.set_registered_model_alias(model, CHAMPION, found.version)
    return str(found.version)


def _version(client: MlflowClient, model: str, version: str) -> Any:
    try:
        if version.isdecimal():
            return client.get_model_version(model, version)
        return client.get_model_version_by_alias(model, version)
    except MlflowException:
        raise NotFound(
            f"no version or alias {version!r} of model {model!r} in {store_uri()}; "
            f"expected a number, {CHALLENGER!r} or {CHAMPION!r} of a model that `vigie-train run` registered"
        ) from None
