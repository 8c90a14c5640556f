"""From facts to documents: Markdown by templates, and one page that holds them all. Decides no fact."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markupsafe import Markup

from serving.bundle import Interval
from training.audit.pages.figures import RATE_TITLES
from training.audit.pages.page import CORRECTIONS, told
from training.card import off_labels
from training.data.cards import Card
from training.data.cases import Role
from training.data.examples import OWN
from training.data.ordinary import CORPUS
from training.evaluation.tables import LEVEL_TITLES
from training.pages import render_markdown, render_page
from training.wording import decimal, percent

from . import accuracy
from .facts import Facts
from .words import CLASSES, EVENTS, REGISTERS, ROLES, USES

#: Established differences shown; the audit's own page has them all.
SHOWN = 20
TODO = "**À compléter par une personne :**"


@dataclass(frozen=True)
class Document:
    """One document: its file under the output folder, without suffix, and its Markdown."""

    name: str
    markdown: str

    @property
    def title(self) -> str:
        """Its first heading."""
        return self.markdown.partition("# ")[2].partition("\n")[0]

    @property
    def anchor(self) -> str:
        """Its place in the page."""
        return self.name.replace("/", "-")


def documents(facts: Facts, made_on: str) -> list[Document]:
    """Every document, in the order of the page."""
    shared = {"f": facts, "m": facts.bundle.manifest, "made_on": made_on}
    sheets = _sheets(facts, shared)
    names = {document.name.rpartition("/")[2] for document in sheets}
    return [
        _document("modele", shared | _audited(facts)),
        _document("exactitude", shared | _rates(facts)),
        _document("annexe_iv", shared | {"off": off_labels(facts.bundle.manifest), "sheets": names}),
        _document("controle_humain", shared | {"roles": ROLES}),
        _document("journalisation", shared | {"events": EVENTS}),
        *sheets,
    ]


def _document(name: str, values: dict[str, Any], template: str | None = None) -> Document:
    filters: dict[str, Callable[..., Any]] = {
        "demoted": demoted,
        "share": share,
        "tiny": tiny,
        "told": told_share,
        "missed": lambda group: accuracy.missed(group, values["f"].audit.level),
        "false_alarms": lambda group: accuracy.false_alarms(group, values["f"].audit.level),
    }
    text = render_markdown("training.documents", f"{template or name}.md.jinja", filters, **values)
    return Document(name, re.sub(r"\n{3,}", "\n\n", text).strip() + "\n")


def _audited(facts: Facts) -> dict[str, Any]:
    """The audit in brief: no crossing, and no share flagged, which follows the share of harmful texts first."""
    audit = facts.audit
    tables = [table for table in audit.tables if not table.crossed]
    lines = [line for table in tables for line in told(table, audit.significance)]
    found = [line for line in lines if not str(line["figure"]).startswith(RATE_TITLES["selection"])]
    largest = sorted(found, key=lambda line: -abs(line["difference"].value))  # type: ignore[attr-defined]
    return {
        "correction": CORRECTIONS[audit.multiplicity],
        "differences": largest[:SHOWN],
        "established": len(found),
        "tested": sum(table.tested for table in tables),
    }


def _rates(facts: Facts) -> dict[str, Any]:
    manifest, audit = facts.bundle.manifest, facts.audit
    rates = accuracy.error_rates(manifest)
    return {
        "rates": rates,
        "promises": Counter(line.promise for line in rates),
        "unmeasured": accuracy.unmeasured(manifest),
        "varieties": accuracy.tables_by(audit, accuracy.VARIETY),
        "variety": accuracy.VARIETY,
        "registers": REGISTERS if audit.own_rows else {},
        "sources": accuracy.tables_by(audit, accuracy.SOURCE),
        "source": accuracy.SOURCE,
        "level_title": LEVEL_TITLES[audit.level],
    }


def _sheets(facts: Facts, shared: dict[str, Any]) -> list[Document]:
    """A data sheet for our cases, for the corpus when it was learnt from, and for every card."""
    found = [_document(f"donnees/{OWN}", shared | _own(facts), OWN)]
    if record := facts.record(CORPUS):
        found.append(_document(f"donnees/{CORPUS}", shared | {"record": record}, CORPUS))
    return found + [
        _document(f"donnees/{card.name}", shared | _sourced(facts, card), "source") for card in facts.cards.values()
    ]


def _sourced(facts: Facts, card: Card) -> dict[str, Any]:
    section = facts.recipe.data.second_reading if facts.recipe else None
    return {
        "card": card,
        "record": facts.record(card.name),
        "uses": USES,
        "classes": CLASSES,
        "readings": section is not None and card.name in section.sources,
    }


def _own(facts: Facts) -> dict[str, Any]:
    cases = facts.own.cases
    sides = Counter((case.file, case.role is Role.HELD_OUT, case.harmful) for case in cases)
    return {
        "record": facts.record(OWN),
        "harmful": sum(case.harmful for case in cases),
        "held_out": sum(case.role is Role.HELD_OUT for case in cases),
        "files": [
            {"file": file, "held_out": out, "harmful": sides[file, out, True], "harmless": sides[file, out, False]}
            for file, out in sorted({(file, out) for file, out, _ in sides})
        ],
        "registers": {
            REGISTERS[register]: count for register, count in Counter(case.register for case in cases).most_common()
        },
        "labels": Counter(label for case in cases for label in case.labels),
    }


def demoted(markdown: str) -> str:
    """A document as a part of another: its title left out, its other headings one level lower."""
    return re.sub(r"(?m)^(#{2,})", r"#\1", re.sub(r"\A# .*\n+", "", markdown)).strip()


def share(value: float, digits: int = 0) -> str:
    """A share as ``5 %``."""
    return f"{decimal(100 * value, digits)} %"


def told_share(found: Interval | None) -> str:
    """A share with its interval; a star where no resample left the value: too few cases to know."""
    if found is not None and found.low == found.high:
        return f"{share(found.value)} \\*"
    return percent(found)


def tiny(value: float) -> str:
    """``3,8e−06``."""
    return f"{value:.1e}".replace(".", ",").replace("-", "−")


def page(found: list[Document], name: str, bundle: str, made_on: str) -> str:
    """One self-contained HTML page; links between documents lead inside it."""
    anchors = {f"{document.name}.md": document.anchor for document in found}
    # No raw HTML passes: what is in a card or an audit stays text.
    markdown = MarkdownIt("commonmark", {"html": False}).enable("table")
    shown = [
        {
            "anchor": document.anchor,
            "title": document.title,
            "html": Markup(_inside(markdown.render(document.markdown), anchors)),  # noqa: S704  markdown-it escapes
        }
        for document in found
    ]
    return render_page(
        "training.documents",
        "index.html",
        {},
        name=name,
        bundle=bundle,
        made_on=made_on,
        documents=shown,
        todo=sum(document.markdown.count(TODO) for document in found),
    )


def _inside(html: str, anchors: dict[str, str]) -> str:
    return re.sub(
        r'href="([\w/]+\.md)"',
        lambda link: f'href="#{anchors[link[1]]}"' if link[1] in anchors else link[0],
        html,
    )
