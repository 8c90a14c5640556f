"""``vigie``: keys, people, import and checks, through the real program on a real database."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from program import Program, refused


@pytest.fixture
def vigie(tmp_path: Path, tiny_bundle: Path) -> Program:
    return Program(tmp_path / "state", tiny_bundle)


def test_a_bundle_is_put_in_use_through_a_link(vigie: Program, tiny_bundle: Path, tmp_path: Path) -> None:
    link = tmp_path / "current"
    assert "in use: sha256:" in vigie("bundle", "use", str(tiny_bundle), VIGIE_BUNDLE=str(link)).stdout
    assert link.resolve() == tiny_bundle.resolve()
    refused(vigie("bundle", "use", str(tmp_path), VIGIE_BUNDLE=str(link)), "manifest.json")
    refused(vigie("bundle", "use", str(tiny_bundle), VIGIE_BUNDLE=str(tiny_bundle)), "not a link")


def test_a_key_is_made_listed_and_revoked(vigie: Program) -> None:
    made = vigie("key", "create", "Hotline", "--kind", "trusted_flagger").stdout.split()
    assert made[0] in vigie("key", "list").stdout
    assert made[-1] not in vigie("key", "list").stdout
    assert made[0] in vigie("key", "list", COLUMNS="40").stdout
    assert vigie("key", "quota", made[0], "--texts", "4321").returncode == 0
    assert "4321" in vigie("key", "list").stdout
    refused(vigie("key", "quota", "absent"), "absent")
    assert vigie("key", "revoke", made[0]).returncode == 0
    refused(vigie("key", "create", "x", "--kind", "platfrom"), "platform")


def test_a_lost_second_factor_is_reset_by_name(vigie: Program) -> None:
    for name, role, factor in (("ana", "analyst", "none"), ("eva", "admin", "to set up")):
        assert vigie("user", "create", name, "--role", role).returncode == 0
        assert factor in next(line for line in vigie("user", "list").stdout.splitlines() if name in line)
    assert "signs in by password" in vigie("user", "reset-second-factor", "ana").stdout
    assert "must set up another one" in vigie("user", "reset-second-factor", "eva").stdout
    refused(vigie("user", "reset-second-factor", "bruno"), "'bruno'")
    refused(vigie("key", "revoke", "absent"), "absent")


def test_a_person_gets_a_one_time_password(vigie: Program) -> None:
    made = vigie("user", "create", "camille", "--role", "senior")
    assert made.returncode == 0
    assert len(made.stdout.split()[-1]) >= 12
    assert "camille" in vigie("user", "list").stdout
    refused(vigie("user", "create", "camille"), "camille")
    refused(vigie("user", "create", "x", "--role", "chief"), "chief")


def test_import_keeps_the_good_rows_and_can_be_repeated(vigie: Program, tmp_path: Path) -> None:
    key = vigie("key", "create", "p").stdout.split()[0]
    file = tmp_path / "in.jsonl"
    rows = [
        {"external_id": "a", "text": "une menace", "reach": 10},
        {"external_id": "b", "text": ""},
        {"external_id": "c", "text": "bonjour", "surprise": 1},
        {"external_id": "d", "text": "unmotsecret", "notice": {"explanation": "grave"}},
    ]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    first = vigie("queue", "import", str(file), "--key", key)
    assert first.returncode == 0, first.stderr
    assert "2 cases received, 0 already there, 2 rows with an error" in first.stderr
    assert "surprise" in first.stderr
    assert "unmotsecret" not in first.stdout + first.stderr
    assert "0 cases received, 2 already there" in vigie("queue", "import", str(file), "--key", key).stderr
    rows[0]["text"] = "autre texte"
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    conflict = vigie("queue", "import", str(file), "--key", key)
    assert "0 cases received, 1 already there, 3 rows with an error" in conflict.stderr
    refused(vigie("queue", "import", str(file), "--key", "nobody"), "--key 'nobody'")
    assert vigie("log", "verify").returncode == 0


def test_csv_import(vigie: Program, tmp_path: Path) -> None:
    key = vigie("key", "create", "p").stdout.split()[0]
    file = tmp_path / "in.csv"
    file.write_text("external_id;text;reach;url\n1;une haine;12;\n2;bonjour;beaucoup;\n", encoding="utf-8")
    done = vigie("queue", "import", str(file), "--key", key)
    assert "1 cases received, 0 already there, 1 rows with an error" in done.stderr
    assert "reach" in done.stderr


def test_a_sound_bundle_is_said_and_an_altered_one_refused(vigie: Program, tiny_bundle: Path, tmp_path: Path) -> None:
    sound = vigie("bundle", "check", str(tiny_bundle))
    assert sound.returncode == 0, sound.stderr
    assert "sound: sha256:" in sound.stdout
    altered = shutil.copytree(tiny_bundle, tmp_path / "altered")
    (altered / "CARD.md").write_text("other", encoding="utf-8")
    refused(vigie("bundle", "check", str(altered)), "altered")
    refused(vigie("serve", VIGIE_BUNDLE=str(altered)), "altered")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"VIGIE_DATABASE_URL": "sqlite:////proc/vigie.db"}, "/proc/vigie.db"),
        ({"VIGIE_DATABASE_URL": "mysql://u:motdepasse@h/d"}, "postgresql"),
        ({"VIGIE_CONFIGS": "/nowhere"}, "/nowhere"),
        ({"VIGIE_PORT": "http"}, "VIGIE_PORT"),
    ],
)
def test_a_wrong_setting_is_one_clear_line(vigie: Program, environment: dict[str, str], said: str) -> None:
    done = vigie("key", "list", **environment)
    refused(done, said)
    assert "motdepasse" not in done.stderr


def test_the_demo_falls_back_on_our_own_cases(tmp_path: Path) -> None:
    from serving.demo import demo_texts, prepare_demo
    from serving.settings import Settings

    settings = Settings.from_env({"VIGIE_STATE": str(tmp_path), "VIGIE_MIRROR": str(tmp_path / "absent")})
    texts, source = demo_texts(settings)
    assert len(texts) >= 100
    assert "our own cases" in source
    assert f"VIGIE_MIRROR {tmp_path / 'absent'}" in source
    first, again = prepare_demo(settings), prepare_demo(settings)
    assert first.cases == again.cases == len(texts)
    assert again.source == "an earlier run"


def test_the_demo_reads_real_rows_from_the_mirror(tmp_path: Path, mirror: Path) -> None:
    from serving.demo import demo_texts
    from serving.settings import Settings

    settings = Settings.from_env({"VIGIE_STATE": str(tmp_path), "VIGIE_MIRROR": str(mirror)})
    texts, source = demo_texts(settings)
    assert source == "public French test rows"
    assert len({external_id for external_id, _ in texts}) == len(texts) >= 200


def test_a_port_that_is_none_is_refused(vigie: Program) -> None:
    refused(vigie("serve", "--port", "70000"), "--port 70000")


def test_a_log_read_with_another_secret_is_said_to_be_so(vigie: Program, tmp_path: Path) -> None:
    key = vigie("key", "create", "p").stdout.split()[0]
    assert vigie(
        "queue", "import", "-", "--format", "jsonl", "--key", key, stdin='{"external_id": "a", "text": "b"}'
    ).stderr
    (tmp_path / "other").write_text("0" * 64)
    done = vigie("log", "verify", VIGIE_SECRET_FILE=str(tmp_path / "other"))
    refused(done, "event 1 of case ")
    assert "VIGIE_SECRET_FILE" in done.stderr
