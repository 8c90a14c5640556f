"""What was prepared, in numbers: rows, copies removed, labels, weights, and the proof against leakage. Never a text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from serving.bundle import OUTPUT_KEYS
from serving.bundle.config import Frozen

from .cards import Card
from .cleaning import Doubts
from .duplicates import Removals
from .examples import Example
from .leakage import Leakage
from .ordinary import CORPUS, CORPUS_CLASS
from .recipe import OWN_CLASS, DataRecipe
from .splits import SPLITS

#: By source: rows read, and what its reader met.
SourceNotes = dict[str, Counter[str]]


class SourceReport(Frozen):
    """One source, from the rows read to the rows kept in each split."""

    name: str
    licence_class: str
    read: int
    notes: dict[str, int]
    exact_copies: int
    near_copies: int
    copies_of_other_sources: int
    rows: dict[str, int]
    groups: dict[str, int]
    weight: dict[str, float]
    #: Rows in which copies disagreed on a label that became unknown, by label.
    conflicts: dict[str, int]


class LabelCount(Frozen):
    """Rows of one label, in one source and split."""

    source: str
    label: str
    split: str
    positive: int
    negative: int
    presumed_negative: int
    unknown: int


class DataReport(Frozen):
    """The whole report, as kept in ``report.json``."""

    fingerprint: str
    seed: int
    recipe: DataRecipe
    sources: tuple[SourceReport, ...]
    copy_sets: int
    conflicting_copy_sets: int
    labels: tuple[LabelCount, ...]
    leakage: Leakage
    doubts: tuple[Doubts, ...]

    def rows(self, split: str) -> int:
        """Rows of a split, all sources together."""
        return sum(source.rows[split] for source in self.sources)

    def positives(self, label: str, split: str) -> int:
        """Positive rows of a label in a split, all sources together."""
        return sum(count.positive for count in self.labels if count.label == label and count.split == split)


def build_report(
    fingerprint: str,
    data: DataRecipe,
    seed: int,
    cards: Mapping[str, Card],
    notes: SourceNotes,
    removals: Removals,
    splits: Mapping[str, Sequence[Example]],
    leakage: Leakage,
    doubts: tuple[Doubts, ...],
) -> DataReport:
    """Counts over the final splits and what happened before."""
    return DataReport(
        fingerprint=fingerprint,
        seed=seed,
        recipe=data,
        sources=tuple(_source(name, _class_of(name, cards), notes[name], removals, splits) for name in notes),
        copy_sets=removals.groups,
        conflicting_copy_sets=removals.conflicting,
        labels=tuple(_label_counts(splits, list(notes))),
        leakage=leakage,
        doubts=doubts,
    )


def _class_of(name: str, cards: Mapping[str, Card]) -> str:
    if name in cards:
        return cards[name].licence_class.value
    return CORPUS_CLASS if name == CORPUS else OWN_CLASS


def _source(
    name: str,
    licence_class: str,
    notes: Counter[str],
    removals: Removals,
    splits: Mapping[str, Sequence[Example]],
) -> SourceReport:
    own = {split: [e for e in splits[split] if e.source == name] for split in SPLITS}
    return SourceReport(
        name=name,
        licence_class=licence_class,
        read=notes["read"],
        notes={reason: count for reason, count in notes.items() if reason != "read"},
        exact_copies=removals.exact[name],
        near_copies=removals.near[name],
        copies_of_other_sources=removals.across[name],
        rows={split: len(examples) for split, examples in own.items()},
        groups={split: len({e.group for e in examples}) for split, examples in own.items()},
        weight={split: round(sum(e.truth.weight for e in examples), 3) for split, examples in own.items()},
        conflicts={label: count for (source, label), count in sorted(removals.conflicts.items()) if source == name},
    )


def _label_counts(splits: Mapping[str, Sequence[Example]], sources: Iterable[str]) -> Iterable[LabelCount]:
    for source in sources:
        for split in SPLITS:
            examples = [e for e in splits[split] if e.source == source]
            if not examples:
                continue
            target, mask = np.stack([e.truth.target for e in examples]), np.stack([e.truth.mask for e in examples])
            for place, label in enumerate(OUTPUT_KEYS):
                yield _label_count(source, label, split, target[:, place], mask[:, place])


def _label_count(source: str, label: str, split: str, target: np.ndarray, mask: np.ndarray) -> LabelCount:
    annotated = mask >= 1
    return LabelCount(
        source=source,
        label=label,
        split=split,
        positive=int((annotated & (target > 0.5)).sum()),
        negative=int((annotated & (target <= 0.5)).sum()),
        presumed_negative=int(((mask > 0) & ~annotated).sum()),
        unknown=int((mask == 0).sum()),
    )


def write_report(report: DataReport, folder: Path) -> None:
    """``report.json`` and ``report.md`` in ``folder``; the JSON last, as its existence means that all is there."""
    (folder / "report.md").write_text(as_markdown(report), encoding="utf-8")
    (folder / "report.json").write_text(report.model_dump_json(indent=1), encoding="utf-8")


def read_report(folder: Path) -> DataReport:
    """The report kept in ``folder``."""
    return DataReport.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))


def as_markdown(report: DataReport) -> str:
    """The report as people read it, in French."""
    parts = [
        f"# Données préparées `{report.fingerprint}`",
        "Chiffres seulement : aucun texte n'est reproduit ici.",
        "## Sources",
        _markdown_table(_SOURCE_HEAD, [_source_row(source) for source in report.sources]),
        "## Doublons",
        _duplicates(report),
        "## Étanchéité des partitions",
        _proof(report.leakage),
        "## Annotations mises en doute (apprentissage)",
        _doubts(report),
        "## Étiquettes",
        "Par partition : positifs / négatifs annotés / négatifs présumés.",
        _markdown_table(("étiquette", *_SPLIT_TITLES), [_label_row(report, label) for label in OUTPUT_KEYS]),
        "## Étiquettes par source (apprentissage)",
        _markdown_table(("étiquette", *(s.name for s in report.sources)), _by_source(report)),
    ]
    return "\n\n".join(parts) + "\n"


_SPLIT_TITLES = ("apprentissage", "validation", "test")
_SOURCE_HEAD = ("source", "classe de licence", "lues", "copies exactes", "quasi-copies", "copies d'une autre source",
                *_SPLIT_TITLES, "part de test", "poids d'apprentissage")  # fmt: skip


def _source_row(source: SourceReport) -> list[str]:
    kept = sum(source.rows.values())
    return [
        source.name,
        source.licence_class,
        *(str(n) for n in (source.read, source.exact_copies, source.near_copies, source.copies_of_other_sources)),
        *(str(source.rows[split]) for split in SPLITS),
        f"{100 * source.rows['test'] / kept:.1f} %" if kept else "-",
        f"{source.weight['train']:.0f}",
    ]


def _duplicates(report: DataReport) -> str:
    lines = [
        f"{report.copy_sets} ensembles de copies, dont {report.conflicting_copy_sets} où les annotations se "
        "contredisent : l'étiquette contredite devient inconnue."
    ]
    for source in report.sources:
        if source.conflicts:
            told = ", ".join(f"{label} {count}" for label, count in source.conflicts.items())
            lines.append(f"- {source.name} : {told}")
        if source.notes:
            lines.append(f"- {source.name}, à la lecture : " + ", ".join(f"{k} {n}" for k, n in source.notes.items()))
    return "\n".join(lines)


def _proof(leakage: Leakage) -> str:
    late = sum(leakage.removed_late.values())
    pairs = f"{leakage.pairs_compared:,}".replace(",", "\u202f")
    return (
        f"{pairs} paires de textes de partitions différentes comparées une à une ; similarité la plus haute "
        f"{leakage.highest:.3f}, seuil {leakage.threshold:.2f} ; {late} lignes retirées par cette vérification ; "
        f"fuites restantes : {leakage.leaks}."
    )


_DOUBT_HEAD = ("source", "étiquette", "positifs", "mis en doute", "négatifs", "mis en doute", "AUC hors pli")


def _doubts(report: DataReport) -> str:
    if not report.doubts:
        return "Aucune : la recette croit toutes les sources sur parole."
    rows = [
        (d.source, d.label, *map(str, (d.positive, d.doubted_positive, d.negative, d.doubted_negative)), _auc(d))
        for d in report.doubts
    ]
    told = "Contredites par un modèle qui n'a pas vu leur groupe, elles deviennent inconnues ; les lignes restent."
    return f"{told}\n\n{_markdown_table(_DOUBT_HEAD, rows)}"


def _auc(doubts: Doubts) -> str:
    return f"{doubts.auc:.3f}".replace(".", ",") if doubts.auc is not None else "-"


def _label_row(report: DataReport, label: str) -> list[str]:
    counts = [c for c in report.labels if c.label == label]
    return [label, *(_triple([c for c in counts if c.split == split]) for split in SPLITS)]


def _triple(counts: Sequence[LabelCount]) -> str:
    return " / ".join(
        str(sum(getattr(c, kind) for c in counts)) for kind in ("positive", "negative", "presumed_negative")
    )


def _by_source(report: DataReport) -> list[list[str]]:
    train = [c for c in report.labels if c.split == "train"]
    return [
        [label, *(_triple([c for c in train if c.label == label and c.source == s.name]) for s in report.sources)]
        for label in OUTPUT_KEYS
    ]


def _markdown_table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
