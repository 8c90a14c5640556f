"""One audit from a bundle's folder to its report, filed where promotion looks for it. The wiring; measures nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from serving.bundle import Bundle, InputError, open_bundle
from serving.settings import Settings
from training.data.cases import OwnCases, load_cases
from training.data.examples import OWN
from training.evaluation.neutral import group_titles, honest_file
from training.evaluation.records import write_json
from training.recipe import Recipe, load_recipe
from training.runs import prepared_rows, recipe_of
from training.tracking import file_audit

from .audit import Materials, audit_bundle
from .config import AuditConfig, load_audit_config
from .errors.neighbours import Learnt
from .filed import Filed, newest
from .gate import check_gate, outcomes
from .groups.mentions import Mentions
from .pages.page import write_report
from .queue.rows import read_queue
from .records import Audit, BoundOutcome, Request, read_audit
from .rows import AuditRows, Columns, own_rows, read_rows

CONFIG, JSON, HTML = "audit.toml", "audit.json", "audit.html"


@dataclass(frozen=True)
class Asked:
    """What an audit is asked.

    Attributes:
        data, columns: rows of a file; without a file, the test split of the bundle's recipe.
        recipe: file of the recipe, the one that the bundle names when not given.
        any_recipe: take the rows of a recipe that did not make the bundle.
        suites, honest: files of functional cases and of HONEST's templates.
        queue: an export of the queue, or the readings of a simulation.
        replicates: in place of the configuration's.
        track: file the audit with MLflow.
    """

    out: Path
    data: Path | None = None
    columns: Columns = field(default_factory=Columns)
    recipe: Path | None = None
    any_recipe: bool = False
    suites: tuple[Path, ...] = ()
    honest: Path | None = None
    queue: Path | None = None
    replicates: int | None = None
    show_text: bool = False
    track: bool = True

    def request(self) -> Request:
        """What the audit remembers of this."""
        columns, files = self.columns, {name: getattr(self, name) for name in ("data", "recipe", "honest", "queue")}
        return Request(
            text_column=columns.text,
            label_columns=dict(columns.labels),
            group_columns=columns.groups,
            unit_column=columns.unit,
            id_column=columns.id,
            time_column=columns.time,
            any_recipe=self.any_recipe,
            suites=tuple(_named(file) for file in self.suites),
            **{name: _named(file) for name, file in files.items() if file},
        )


def _named(file: Path) -> str:
    return file.name if file.is_absolute() else file.as_posix()


def audit(path: Path, settings: Settings, asked: Asked) -> tuple[Audit, tuple[BoundOutcome, ...]]:
    """Audit the bundle at ``path``; write ``audit.json`` and ``audit.html``, and file them.

    An audit whose texts are shown is never filed: what leaves this machine must hold none.

    Raises:
        VigieError: of the part that failed.
    """
    bundle, config = open_bundle(path), load_audit_config(settings.configs / CONFIG)
    _check(asked)
    cases = load_cases(settings.datasets / OWN)
    section = config.audit
    if asked.replicates:
        section = section.model_copy(update={"replicates": asked.replicates})
    rows, learnt = rows_of(bundle, cases, settings, asked)
    queue = read_queue(asked.queue) if asked.queue else None
    done = audit_bundle(
        bundle,
        rows,
        section,
        Materials(cases, asked.honest or honest_file(settings), asked.suites, learnt, queue),
        request=asked.request(),
        sessions=settings.sessions,
        show_text=asked.show_text,
    )
    gate = outcomes(done.figures(), config.bounds)
    files = write_json(done, asked.out / JSON), write_report(done, gate, asked.out / HTML)
    if asked.track and not asked.show_text:
        file_audit(files, bundle.id, {n: f.value for n, f in done.figures().items()}, section.model_dump())
    return done, gate


def _check(asked: Asked) -> None:
    if asked.honest and not asked.honest.is_file():
        raise InputError(f"--honest {asked.honest}: no such file; give HONEST's fr_template.tsv")
    taken = {OWN}
    for file in asked.suites:
        if file.stem in taken:  # figures are filed, and bounded by the gate, under this name
            raise InputError(f"--suite {file}: a suite called {file.stem!r} is there already; rename the file")
        taken.add(file.stem)


def rows_of(bundle: Bundle, cases: OwnCases, settings: Settings, asked: Asked) -> tuple[AuditRows, Learnt | None]:
    """The rows of the file, or our own test rows; and what the bundle learnt from, unless a file stands alone."""
    mentions, titles = Mentions.of(cases.lexicon), group_titles(cases.lexicon)
    given = read_rows(asked.data, asked.columns, mentions, titles) if asked.data else None
    if given is not None and asked.recipe is None:
        return given, None
    file = asked.recipe or Path(bundle.manifest.provenance.recipe)
    tables = prepared_rows(_recipe(bundle, file, asked), settings, None).tables
    rows = own_rows(tables["test"], mentions, titles) if given is None else given
    return rows, Learnt.of(tables["train"])


def _recipe(bundle: Bundle, file: Path, asked: Asked) -> Recipe:
    if not asked.any_recipe:
        return recipe_of(bundle, file)
    return load_recipe(file).model_copy(update={"seed": bundle.manifest.provenance.seed})


def gate_of(settings: Settings, file: Path | None = None) -> AuditGate:
    """What ``training.tracking.promote`` asks before it promotes: the audit in ``file``, or the newest that is fit."""
    return AuditGate(load_audit_config(settings.configs / CONFIG), file)


@dataclass(frozen=True)
class AuditGate:
    """A bundle passes when its audit holds every bound of the configuration.

    Raises:
        Conflict: it has none fit to be judged by, or does not (training/audit/gate.py).
    """

    config: AuditConfig
    file: Path | None = None

    def __call__(self, bundle: Bundle) -> None:
        check_gate(self._filed(bundle), bundle.id, self.config)

    def _filed(self, bundle: Bundle) -> Filed:
        return Filed(read_audit(self.file), ()) if self.file else newest(bundle.id, self.config.audit)
