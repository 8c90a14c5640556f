"""``vigie key`` and ``vigie user``: who may ask, and what for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from .deployment import open_accounts
from .terminal import day, say, show

if TYPE_CHECKING:  # as in deployment.py
    from serving.review import Quota

key_verbs = typer.Typer(help="API keys.", no_args_is_help=True)
user_verbs = typer.Typer(help="People of the console.", no_args_is_help=True)

_LIMIT_HELP = "(0: no limit; default: the deployment's, docs/settings.md)."
RequestsPerMinute = Annotated[int | None, typer.Option("--requests", min=0, help=f"Requests a minute {_LIMIT_HELP}")]
TextsPerMinute = Annotated[int | None, typer.Option("--texts", min=0, help=f"Texts a minute {_LIMIT_HELP}")]
Concurrency = Annotated[int | None, typer.Option("--concurrency", min=0, help=f"Requests at once {_LIMIT_HELP}")]


@key_verbs.command("create")
def key_create(
    name: Annotated[str, typer.Argument(help="Whose key it is.")],
    kind: Annotated[str, typer.Option(help="platform, authority or trusted_flagger.")] = "platform",
    requests: RequestsPerMinute = None,
    texts: TextsPerMinute = None,
    concurrency: Concurrency = None,
) -> None:
    """Make an API key; it is shown once."""
    key, plain = open_accounts().create_key(name, kind, _quota(requests, texts, concurrency))
    say(f"{key.id}  {key.kind}  {key.name}")
    say(plain)


@key_verbs.command("list")
def key_list() -> None:
    """List API keys; the keys themselves are not stored."""
    table = Table("id", "kind", "name", "created", "revoked", "requests/min", "texts/min", "at once")
    for key in open_accounts().list_keys():
        quota = (key.quota.requests_per_minute, key.quota.texts_per_minute, key.quota.concurrency)
        shown = ("default" if value is None else "no limit" if value == 0 else str(value) for value in quota)
        table.add_row(key.id, key.kind, key.name, day(key.created_at), day(key.revoked_at), *shown)
    show(table)


@key_verbs.command("quota")
def key_quota(
    key_id: Annotated[str, typer.Argument(help="Id, as listed.")],
    requests: RequestsPerMinute = None,
    texts: TextsPerMinute = None,
    concurrency: Concurrency = None,
) -> None:
    """Replace what a key may use; what is left out goes back to the default."""
    key = open_accounts().set_quota(key_id, _quota(requests, texts, concurrency))
    say(f"{key.id} replaced")


@key_verbs.command("revoke")
def key_revoke(key_id: Annotated[str, typer.Argument(help="Id, as listed.")]) -> None:
    """Revoke an API key at once."""
    open_accounts().revoke_key(key_id)
    say(f"{key_id} revoked")


@user_verbs.command("create")
def user_create(
    name: Annotated[str, typer.Argument(help="Sign-in name.")],
    role: Annotated[str, typer.Option(help="analyst, senior, supervisor, researcher or admin.")] = "analyst",
) -> None:
    """Make an account; its one-time password is shown once."""
    account, password = open_accounts().create_user(name, role)
    assert password is not None  # made, since none was given
    say(f"{account.name}  {account.role}")
    say(password)


@user_verbs.command("list")
def user_list() -> None:
    """List accounts."""
    table = Table("id", "name", "role", "second factor")
    for account in open_accounts().list_users():
        factor = "set up" if account.second_factor else "to set up" if account.must_enrol else "none"
        table.add_row(account.id, account.name, account.role, factor)
    show(table)


@user_verbs.command("reset-second-factor")
def user_reset_second_factor(name: Annotated[str, typer.Argument(help="Sign-in name.")]) -> None:
    """Take the second factor of somebody who has lost it, recovery codes included, and end their sessions."""
    account = open_accounts().reset_second_factor(name)
    say(f"{account.name}  signed out; {'must set up another one' if account.must_enrol else 'signs in by password'}")


def _quota(requests: int | None, texts: int | None, concurrency: int | None) -> Quota:
    from serving.review import Quota

    return Quota(requests, texts, concurrency)
