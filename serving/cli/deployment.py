"""The queue and the accounts of the deployment that the settings name, opened for one verb."""

from __future__ import annotations

from typing import TYPE_CHECKING

from serving.bundle import load_taxonomy
from serving.settings import Settings

if TYPE_CHECKING:  # the base install, without SQLAlchemy, shows every verb's help
    from serving.review import Accounts, Queue


def queue_and_accounts() -> tuple[Queue, Accounts]:
    """Both, on one engine."""
    from serving.policy import load_policy
    from serving.review import Accounts, Queue, open_database

    settings = Settings.from_env()
    policy, taxonomy = load_policy(settings.policy_path), load_taxonomy(settings.taxonomy_path)
    engine = open_database(settings.database_url)
    secret = settings.secret()
    return Queue(engine, policy, taxonomy, secret), Accounts(engine, secret, policy.sign_in)


def open_queue() -> Queue:
    """The queue alone."""
    return queue_and_accounts()[0]


def open_accounts() -> Accounts:
    """The accounts alone."""
    return queue_and_accounts()[1]
