"""Croissant metadata (MLCommons) of data sets, written and validated by ``mlcroissant``. Opens no data file.

Descriptions are in French, as the cards are. No text of a source is in them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import mlcroissant as mlc

from serving.bundle import Taxonomy
from training.data.cards import Card
from training.data.cases import OwnCases
from training.data.digests import file_sha256

_SPDX = re.compile(r"\b(?:MIT|Apache-2\.0|CC0-1\.0|CC-BY(?:-[A-Z]+)*-\d\.\d)\b")
_FORMATS = {
    ".csv": "text/csv",
    ".tsv": "text/tab-separated-values",
    ".zip": "application/zip",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    ".toml": "application/toml",
    ".md": "text/markdown",
}
OWN_LICENCE = "CC-BY-4.0"
#: Keys of a case in the files of ``datasets/vigie`` (its README).
OWN_FIELDS = {
    "id": "identifiant du cas, jamais réutilisé",
    "text": "la phrase, ou un gabarit à trous",
    "labels": "étiquettes vraies ; toute autre est fausse",
    "unknown": "étiquettes que personne ne peut honnêtement trancher",
    "groups": "groupes dont le nom peut remplir le gabarit",
    "register": "variété de langue",
    "contrast": "cas d'apparence voisine et d'étiquettes différentes",
}


def of_card(card: Card) -> dict[str, Any]:
    """JSON-LD of a public source."""
    files = [
        mlc.FileObject(
            id=f"file-{number}",
            name=Path(file.path).name,
            content_url=file.url,
            content_size=f"{file.bytes} B",
            sha256=file.sha256,
            encoding_formats=[_FORMATS[Path(file.path).suffix]],
        )
        for number, file in enumerate(card.files)
    ]
    return _metadata(
        name=card.name,
        description=f"{card.title}. {card.content}",
        licence=card.licence,
        language=card.language,
        files=files,
        fields={field.name: field.meaning for field in card.fields},
        labels=[
            {
                "labels/value": note.value,
                "labels/meaning": note.meaning,
                "labels/positive": ", ".join(note.positive),
                "labels/negative": ", ".join(note.negative),
            }
            for note in card.annotations
        ],
        cite_as=card.citation,
        url=f"https://github.com/{card.repository}/tree/{card.commit}",
        data_limitations=list(card.traps),
    )


def of_own_cases(own: OwnCases, folder: Path, taxonomy: Taxonomy) -> dict[str, Any]:
    """JSON-LD of our own cases in ``folder``; addresses are relative to it."""
    names = sorted({case.file for case in own.cases})
    files = [
        mlc.FileObject(
            id=f"file-{number}",
            name=name,
            content_url=f"vigie/{name}",
            content_size=f"{(folder / name).stat().st_size} B",
            sha256=file_sha256(folder / name),
            encoding_formats=[_FORMATS[".toml"]],
        )
        for number, name in enumerate(names)
    ]
    return _metadata(
        name="vigie",
        description=f"Cas fonctionnels de Vigie. {len(own.cases)} cas écrits pour ce projet, en français.",
        licence=OWN_LICENCE,
        language="fr",
        files=files,
        fields=OWN_FIELDS,
        labels=[
            {"labels/value": o.key, "labels/meaning": o.title, "labels/positive": o.key, "labels/negative": ""}
            for o in taxonomy.outputs
        ],
    )


def _metadata(
    *,
    name: str,
    description: str,
    licence: str,
    language: str,
    files: list[mlc.FileObject],
    fields: dict[str, str],
    labels: list[dict[str, str]],
    **more: Any,
) -> dict[str, Any]:
    distribution, source = _distribution(files)
    metadata = mlc.Metadata(
        name=name,
        description=description,
        license=[f"https://spdx.org/licenses/{found}.html" for found in _SPDX.findall(licence)] or None,
        in_language=[language],
        distribution=distribution,
        record_sets=[_rows(fields, source), *_labels(labels)],
        **more,
    )
    found: dict[str, Any] = metadata.to_json()
    return found


def _distribution(files: list[mlc.FileObject]) -> tuple[list[Any], dict[str, str]]:
    """What is published, and which part of it holds the rows: the file, the set of files, or a table in an archive."""
    if len(files) > 1:
        kinds = {kind for file in files for kind in file.encoding_formats}
        suffix = Path(files[0].name).suffix
        every = mlc.FileSet(
            id="files",
            name="files",
            includes=[f"*{suffix}"],
            contained_in=[file.id for file in files],
            encoding_formats=sorted(kinds),
        )
        return [*files, every], {"file_set": "files"}
    if files[0].encoding_formats == [_FORMATS[".zip"]]:
        inner = mlc.FileObject(
            id="table",
            name="fr_dataset.csv",
            content_url="hate_speech_mlma/fr_dataset.csv",
            contained_in=[files[0].id],
            encoding_formats=[_FORMATS[".csv"]],
        )
        return [*files, inner], {"file_object": "table"}
    return list(files), {"file_object": files[0].id}


def _rows(fields: dict[str, str], source: dict[str, str]) -> mlc.RecordSet:
    return mlc.RecordSet(
        id="rows",
        name="rows",
        fields=[
            mlc.Field(
                id=f"rows/{name}",
                name=name,
                description=meaning,
                data_types=[mlc.DataType.TEXT],
                source=mlc.Source(extract=mlc.Extract(column=name), **source),
            )
            for name, meaning in fields.items()
        ],
    )


def _labels(labels: list[dict[str, str]]) -> list[mlc.RecordSet]:
    """The label map, its rows in the metadata itself."""
    if not labels:
        return []
    fields = [mlc.Field(id=key, name=key.partition("/")[2], data_types=[mlc.DataType.TEXT]) for key in labels[0]]
    return [mlc.RecordSet(id="labels", name="labels", fields=fields, data=labels)]
