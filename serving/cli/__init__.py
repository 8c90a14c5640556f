"""``vigie``: the command line of the light wing. Each verb parses, makes one call and prints.

vigie score comments.csv --text-column text --output scores.jsonl
echo "un texte" | vigie score -
vigie serve --demo
"""

from __future__ import annotations

import os
import sys

import typer

from serving.bundle import MissingExtra, VigieError

from .cases import db_verbs, log_verbs, queue_verbs
from .documents import report, simulate
from .hooks import hook_verbs
from .people import key_verbs, user_verbs
from .scoring import bundle_verbs, score
from .service import serve
from .terminal import err

app = typer.Typer(
    help="Scores French text for hate, terrorism and harassment, and orders review queues.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
for verb in (score, serve, simulate, report):
    app.command()(verb)
for name, verbs in (
    ("queue", queue_verbs),
    ("bundle", bundle_verbs),
    ("key", key_verbs),
    ("hook", hook_verbs),
    ("user", user_verbs),
    ("log", log_verbs),
    ("db", db_verbs),
):
    app.add_typer(verbs, name=name)


def main() -> None:
    """Entry point: an error people can act on, never a traceback."""
    try:
        app()
    except VigieError as error:
        err.print(f"vigie: {error.detail}", style="red", markup=False, highlight=False, soft_wrap=True)
        sys.exit(2)
    except ModuleNotFoundError as error:
        err.print(f"vigie: {MissingExtra.of('serving', error.name or '?').detail}", markup=False, soft_wrap=True)
        sys.exit(2)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
