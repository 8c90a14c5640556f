"""``vigie-train data``: what there is to learn from. Each verb parses, makes one call and prints.

Texts of sources are never shown; those of our own cases are.

vigie-train data list
vigie-train data fetch
vigie-train data report configs/train/petit.toml
vigie-train data cases
vigie-train data cases --show haine-deshumanisation-001
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown
from rich.table import Table

from serving.bundle import InputError
from serving.bundle.errors import nearest
from serving.settings import Settings

if TYPE_CHECKING:
    from .cases import OwnCase, OwnCases

app = typer.Typer(help="Sources, our own cases, and what a recipe makes of them.", no_args_is_help=True)
out = Console()

RecipeFile = Annotated[Path, typer.Argument(metavar="RECIPE", help="A recipe, such as configs/train/petit.toml.")]


#: Characters: the widest table here, in a terminal narrower than it.
_WIDE = 160


@app.command("list")
def list_sources() -> None:
    """The sources we have a card for, and whether their files are at hand."""
    from .cards import load_cards
    from .fetch import at_hand

    settings = Settings.from_env()
    table = Table("source", "use", "licence class", "licence", "files", "KiB", "at hand")
    for card in load_cards(settings.datasets).values():
        size = sum(file.bytes for file in card.files) // 1024
        here = "yes" if at_hand(card, settings) else "no"
        table.add_row(card.name, card.use, card.licence_class, card.licence, str(len(card.files)), str(size), here)
    # Names and licences are to be read whole, whatever the terminal's width.
    Console(width=max(out.width, _WIDE)).print(table)


@app.command()
def fetch(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[NAME]...", help="Cards; all when none is given.")
    ] = None,
) -> None:
    """Bring the files of sources here and check every digest."""
    from .cards import load_cards, pick
    from .fetch import fetch as fetch_card

    settings = Settings.from_env()
    cards = load_cards(settings.datasets)
    for card in [pick(cards, name) for name in names or cards]:
        paths = fetch_card(card, settings)
        out.print(f"{card.name}: {len(paths)} file(s) verified", highlight=False)


@app.command()
def report(
    recipe: RecipeFile,
    raw: Annotated[bool, typer.Option("--raw", help="Markdown as it is written, not rendered.")] = False,
) -> None:
    """Prepare a recipe's tables and show the report: rows, copies removed, labels, and the proof against leakage."""
    from training.recipe import load_recipe

    from .prepare import prepare

    chosen = load_recipe(recipe)
    prepared = prepare(chosen.data, Settings.from_env(), licence_classes=chosen.licence_classes, seed=chosen.seed)
    text = (prepared.path / "report.md").read_text(encoding="utf-8")
    if raw:
        typer.echo(text)
    else:
        out.print(Markdown(text))
    out.print(f"{prepared.path}/report.json", highlight=False, soft_wrap=True)


@app.command()
def cases(
    show: Annotated[str | None, typer.Option("--show", metavar="ID", help="Instances of one of our own cases.")] = None,
    most: Annotated[int, typer.Option("--most", min=1, max=200, help="Instances shown.")] = 12,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the words drawn.")] = 13,
) -> None:
    """Our own cases by functionality, label and register; or the instances of one of them."""
    from .cases import load_cases
    from .examples import OWN

    own = load_cases(Settings.from_env().datasets / OWN)
    if show is None:
        _count_cases(own)
    else:
        _show_case(own, show, most, seed)


def _count_cases(own: OwnCases) -> None:
    table = Table("file", "functionality", "harmful", "cases")
    for (file, key, harmful), count in Counter((c.file, c.functionality.key, c.harmful) for c in own.cases).items():
        table.add_row(file, key, "yes" if harmful else "no", str(count))
    out.print(table)
    out.print(_by_role("label", own, lambda case: case.labels))
    out.print(_by_role("register", own, lambda case: [case.register.value]))
    harms = sum(case.harmful for case in own.cases)
    out.print(f"{len(own.cases)} cases, {harms} harmful, {len(own.cases) - harms} harmless", highlight=False)


def _by_role(title: str, own: OwnCases, facet: Callable[[OwnCase], Iterable[str]]) -> Table:
    from .cases import Role

    counts: Mapping[str, Counter[str]] = {
        role: Counter(value for case in own.cases if case.role is role for value in facet(case)) for role in Role
    }
    table = Table(title, *Role)
    for value in sorted({value for counter in counts.values() for value in counter}):
        table.add_row(value, *(str(counts[role][value]) for role in Role))
    return table


def _show_case(own: OwnCases, name: str, most: int, seed: int) -> None:
    from .instances import write_instances

    case = own.case(name)
    if case is None:
        known = nearest(name, [case.id for case in own.cases])
        raise InputError(f"no case {name!r}{known}; `vigie-train data cases` lists the functionalities", code="no_case")
    table = Table("n", "group", "labels", "text", title=f"{case.file}: {case.functionality.title}")
    for instance in write_instances(case, own.lexicon, most, seed):
        table.add_row(str(instance.number), instance.group, ", ".join(sorted(instance.labels)), instance.text)
    out.print(table)
