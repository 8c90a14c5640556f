"""Writes the documents of a bundle into a folder. The wiring: gathers, renders, writes; nothing by hand.

vigie-train document serving/embedded --audit runs/audit/ID/audit.json --output runs/documents/ID
"""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path

from serving.settings import Settings
from training.data.examples import OWN
from training.pages import write_page

from .croissant import of_card, of_own_cases
from .facts import Facts, gather
from .render import documents, page

INDEX = "index.html"


def document(bundle: Path, settings: Settings, audit: Path | None, out: Path) -> list[Path]:
    """Write every document of the bundle; returns the files, the page last.

    Raises:
        VigieError: a file is missing or wrong, the bundle was never audited, or the audit is of another one.
    """
    facts, made_on = gather(bundle, settings, audit), date.today().isoformat()
    found = documents(facts, made_on)
    written = [write_page(item.markdown, out / f"{item.name}.md") for item in found]
    written += _croissants(facts, settings.datasets, out / "donnees")
    whole = page(found, facts.bundle.manifest.name, facts.bundle.id, made_on)
    return [*written, write_page(whole, out / INDEX)]


def _croissants(facts: Facts, folder: Path, out: Path) -> list[Path]:
    found = {name: of_card(card) for name, card in facts.cards.items()}
    found[OWN] = of_own_cases(facts.own, folder / OWN, facts.taxonomy)
    return [
        write_page(json.dumps(metadata, ensure_ascii=False, indent=1) + "\n", out / f"{name}.croissant.json")
        for name, metadata in found.items()
    ]
