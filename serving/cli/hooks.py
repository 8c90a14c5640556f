"""``vigie hook``: who is told, by a signed message, of what became of cases."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from serving.bundle import Unavailable
from serving.settings import Settings

from .deployment import queue_and_accounts
from .terminal import day, say, show

if TYPE_CHECKING:  # as in deployment.py
    from serving.review import Hook, Hooks

hook_verbs = typer.Typer(help="Webhooks: signed messages about decisions (docs/webhooks.md).", no_args_is_help=True)

HookId = Annotated[str, typer.Argument(help="Id, as listed.")]


@hook_verbs.command("add")
def hook_add(
    url: Annotated[str, typer.Argument(help="https address that takes POST.")],
    key: Annotated[str | None, typer.Option(help="Id of the API key whose cases it hears of (default: all).")] = None,
) -> None:
    """Tell an address of decisions from now on; the secret that signs its messages is shown once."""
    from serving.intake import source_of
    from serving.review import Hooks
    from serving.webhooks import Terms, check_reachable

    settings = Settings.from_env()
    queue, accounts = queue_and_accounts()
    key_id = source_of(accounts, key).key_id if key else None
    check_reachable(url, Terms.of(settings).allowed)
    hooks = Hooks(queue.engine, settings.secret())
    hook = hooks.add(url, key_id, datetime.now(UTC))
    say(f"{hook.id}  {hook.url}")
    say(hooks.secret_of(hook.id))


@hook_verbs.command("list")
def hook_list() -> None:
    """List hooks: how far each has been told, and since when one fails."""
    table = Table("id", "url", "key", "created", "told up to", "state")
    for hook in _open_hooks().listed():
        table.add_row(hook.id, hook.url, hook.key_id or "all", day(hook.created_at), str(hook.cursor), _state(hook))
    show(table)


@hook_verbs.command("remove")
def hook_remove(hook_id: HookId) -> None:
    """Tell an address nothing more."""
    _open_hooks().remove(hook_id)
    say(f"{hook_id} removed")


@hook_verbs.command("test")
def hook_test(hook_id: HookId) -> None:
    """Send a message that says nothing; a hook that accepts it is resumed, and is told what it missed."""
    from serving.webhooks import Terms, try_once

    if why_not := try_once(_open_hooks(), hook_id, Terms.of(Settings.from_env()).allowed):
        raise Unavailable(f"hook {hook_id} did not take the message: {why_not}", code="hook_failed")
    say(f"{hook_id} took the message")


def _open_hooks() -> Hooks:
    from serving.review import Hooks, open_database

    settings = Settings.from_env()
    return Hooks(open_database(settings.database_url), settings.secret())


def _state(hook: Hook) -> str:
    if hook.disabled_at:
        return f"disabled {day(hook.disabled_at)}"
    return f"failing since {day(hook.failing_since)} ({hook.failures})" if hook.failing_since else "ready"
