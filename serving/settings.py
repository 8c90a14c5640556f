"""Settings from the environment, read once at the door; nothing below reads ``os.environ``."""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from .bundle import MAX_CODE_POINTS, ConfigError, Unavailable

_PACKAGE = Path(__file__).resolve().parent
_ROOT = _PACKAGE.parent

#: Every variable with what it means; docs/settings.md is checked against this table.
VARIABLES = {
    "VIGIE_STATE": "folder of what Vigie writes by default: database, secret, cache (default: var)",
    "VIGIE_BUNDLE": "folder of the bundle that scores (default: the embedded one)",
    "VIGIE_SHADOW_BUNDLE": "folder of a second bundle to compare with (default: none)",
    "VIGIE_DATABASE_URL": "sqlite:///FILE or postgresql://... (default: SQLite under var/)",
    "VIGIE_CONFIGS": "folder of taxonomy.toml, policy.toml and recipes (default: the shipped one)",
    "VIGIE_DATASETS": "folder of the data cards and our own cases (default: the shipped one)",
    "VIGIE_MIRROR": "folder that stands in for the network when sources are fetched (default: none)",
    "VIGIE_CORPUS": "folder of the pretraining corpus, one REGISTER.txt.xz each (default: none)",
    "VIGIE_CACHE": "folder of fetched and prepared data (default: var/cache)",
    "VIGIE_SECRET_FILE": "file of the secret that keys hashes and tokens (default: var/secret, made when absent)",
    "VIGIE_HOST": "address the service listens on (default: 127.0.0.1)",
    "VIGIE_PORT": "port the service listens on (default: 3000)",
    "VIGIE_SESSIONS": "ONNX sessions per worker, one thread each (default: the cores divided by the workers)",
    "VIGIE_WORKERS": "worker processes that share the port (default: 1)",
    "VIGIE_REQUESTS_PER_MINUTE": "requests a key may send to /v1 in a minute; 0: no limit (default: 30000)",
    "VIGIE_TEXTS_PER_MINUTE": "texts a key may send in a minute; 0: no limit (default: 120000)",
    "VIGIE_CONCURRENCY": "requests of a key under way at once, per worker; 0: no limit (default: 64)",
    "VIGIE_QUOTA_STORE": "where quotas are counted: memory://, per worker, or redis://host:port (default: memory://)",
    "VIGIE_MAX_ITEMS": "texts in one scoring request (default: 2000)",
    "VIGIE_MAX_TEXT": "code points of one text to score, from 100 (default, and at most: 100000)",
    "VIGIE_MAX_EXPLAINED": "texts in one request whose words are weighed (default: 32)",
    "VIGIE_REMEMBERED": "verdicts kept in memory per worker, by content; 0: none (default: 10000)",
    "VIGIE_MAX_CASES": "cases in one submission (default: 500)",
    "VIGIE_MAX_BODY": "bytes of one request body (default: 8388608)",
    "VIGIE_MAX_SCORING": "scoring requests under way per worker before others are answered 503 (default: 64)",
    "VIGIE_MAX_WAIT": "seconds a scoring request may wait to start before it is answered 503 (default: 5)",
    "VIGIE_HOOK_HTTP": "1: webhooks may go over plain http (default: 0)",
    "VIGIE_HOOK_PRIVATE": "1: webhooks may go to addresses that are not public (default: 0)",
    "VIGIE_HOOK_DAYS": "days for which a webhook may fail before it is disabled (default: 5)",
    "VIGIE_TRACES": "address of an OpenTelemetry collector, OTLP over HTTP (default: none, no traces)",
}


@dataclass(frozen=True)
class Settings:
    """All settings, with their defaults filled in. Folders are not created here."""

    bundle: Path
    shadow_bundle: Path | None
    database_url: str
    configs: Path
    datasets: Path
    mirror: Path | None
    corpus: Path | None
    cache: Path
    secret_file: Path
    host: str
    port: int
    sessions: int
    workers: int
    requests_per_minute: int
    texts_per_minute: int
    concurrency: int
    quota_store: str
    max_items: int
    max_text: int
    max_cases: int
    max_body: int
    max_scoring: int
    max_wait: int
    max_explained: int
    remembered: int
    hook_http: bool
    hook_private: bool
    hook_days: int
    traces: str | None

    @classmethod
    def from_env(cls, env: dict[str, str] | None = None) -> Settings:
        """Read the environment.

        Raises:
            ConfigError: a number is not one; names the variable, the value and what was expected.
        """
        given = {key: value for key, value in (os.environ if env is None else env).items() if value}
        state = Path(given.get("VIGIE_STATE", "var"))
        workers = _integer(given, "VIGIE_WORKERS", 1, 256)
        return cls(
            bundle=Path(given.get("VIGIE_BUNDLE", _PACKAGE / "embedded")),
            shadow_bundle=Path(given["VIGIE_SHADOW_BUNDLE"]) if "VIGIE_SHADOW_BUNDLE" in given else None,
            database_url=given.get("VIGIE_DATABASE_URL", f"sqlite:///{state.resolve() / 'vigie.db'}"),
            configs=Path(given.get("VIGIE_CONFIGS", _shipped("configs"))),
            datasets=Path(given.get("VIGIE_DATASETS", _shipped("datasets"))),
            mirror=Path(given["VIGIE_MIRROR"]) if "VIGIE_MIRROR" in given else None,
            corpus=Path(given["VIGIE_CORPUS"]) if "VIGIE_CORPUS" in given else None,
            cache=Path(given.get("VIGIE_CACHE", state / "cache")),
            secret_file=Path(given.get("VIGIE_SECRET_FILE", state / "secret")),
            host=given.get("VIGIE_HOST", "127.0.0.1"),
            port=_integer(given, "VIGIE_PORT", 3000, 65535),
            sessions=_integer(given, "VIGIE_SESSIONS", max(1, available_cores() // workers), 1024),
            workers=workers,
            requests_per_minute=_integer(given, "VIGIE_REQUESTS_PER_MINUTE", 30_000, 10**9, least=0),
            texts_per_minute=_integer(given, "VIGIE_TEXTS_PER_MINUTE", 120_000, 10**9, least=0),
            concurrency=_integer(given, "VIGIE_CONCURRENCY", 64, 10**6, least=0),
            quota_store=given.get("VIGIE_QUOTA_STORE", "memory://"),
            max_items=_integer(given, "VIGIE_MAX_ITEMS", 2_000, 10**6),
            max_text=_integer(given, "VIGIE_MAX_TEXT", MAX_CODE_POINTS, MAX_CODE_POINTS, least=100),
            max_cases=_integer(given, "VIGIE_MAX_CASES", 500, 10**5),
            max_body=_integer(given, "VIGIE_MAX_BODY", 8 * 1024 * 1024, 2**31),
            max_scoring=_integer(given, "VIGIE_MAX_SCORING", 64, 10**5),
            max_wait=_integer(given, "VIGIE_MAX_WAIT", 5, 3_600),
            max_explained=_integer(given, "VIGIE_MAX_EXPLAINED", 32, 10**4),
            remembered=_integer(given, "VIGIE_REMEMBERED", 10_000, 10**8, least=0),
            hook_http=bool(_integer(given, "VIGIE_HOOK_HTTP", 0, 1, least=0)),
            hook_private=bool(_integer(given, "VIGIE_HOOK_PRIVATE", 0, 1, least=0)),
            hook_days=_integer(given, "VIGIE_HOOK_DAYS", 5, 365),
            traces=given.get("VIGIE_TRACES"),
        )

    @property
    def taxonomy_path(self) -> Path:
        """The authored taxonomy."""
        return self.configs / "taxonomy.toml"

    @property
    def policy_path(self) -> Path:
        """The authored queue policy."""
        return self.configs / "policy.toml"

    @property
    def facades_path(self) -> Path:
        """How other services' categories read our labels."""
        return self.configs / "facades.toml"

    def secret(self) -> bytes:
        """The 32-byte secret; the file is made (mode 0600) by the first process that asks.

        Raises:
            Unavailable: the file can be neither read nor made.
            ConfigError: the file is too short to be a secret.
        """
        try:
            return self._read_or_make_secret()
        except OSError as error:
            raise Unavailable(
                f"VIGIE_SECRET_FILE {self.secret_file}: {error.strerror}; expected a readable file or writable folder",
                pointer="VIGIE_SECRET_FILE",
            ) from None

    def _read_or_make_secret(self) -> bytes:
        if not self.secret_file.exists():
            self.secret_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self.secret_file.with_name(f".{self.secret_file.name}.{secrets.token_hex(6)}")
            with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                file.write(secrets.token_hex(32) + "\n")
            try:
                os.link(draft, self.secret_file)  # atomic, and refuses when another process was first
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        secret = self.secret_file.read_bytes().strip()
        if len(secret) < 32:
            raise ConfigError(
                f"VIGIE_SECRET_FILE {self.secret_file}: {len(secret)} bytes; expected at least 32 random bytes",
                pointer="VIGIE_SECRET_FILE",
            )
        return secret


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _shipped(name: str) -> Path:
    """The folder ``name`` beside the packages in a checkout, inside the package in a wheel."""
    checkout = _ROOT / name
    return checkout if (checkout / "../pyproject.toml").exists() else _PACKAGE / "shipped" / name


def _integer(given: dict[str, str], name: str, default: int, most: int, *, least: int = 1) -> int:
    value = given.get(name)
    if value is None:
        return default
    if not value.isdecimal() or not least <= int(value) <= most:
        raise ConfigError(f"{name} = {value!r}: expected a whole number from {least} to {most}", pointer=name)
    return int(value)
