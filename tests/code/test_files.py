"""Files in, rows out: every format, and every way a file or a row can be broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from serving.bundle import OUTPUT_KEYS, text_sha256


def run(tiny_bundle: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "serving.cli", "score", *arguments],
        input=stdin,
        capture_output=True,
        check=False,
        env=os.environ | {"VIGIE_BUNDLE": str(tiny_bundle)},
    )


def rows(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def scored(tiny_bundle: Path, file: Path, *options: str) -> list[dict]:
    output = file.with_suffix(".out")
    done = run(tiny_bundle, str(file), "--output", str(output), *options)
    assert done.returncode == 0, done.stderr.decode()
    return rows(output)


def codes(found: list[dict]) -> list[str | None]:
    return [row["error"] and row["error"]["code"] for row in found]


def test_csv(tiny_bundle: Path, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text('id,text\na,"une menace,\nici"\nb,\nc,bonjour\n', encoding="utf-8")
    found = scored(tiny_bundle, file, "--id-column", "id")
    assert [row["id"] for row in found] == ["a", "b", "c"]
    assert [row["row"] for row in found] == [0, 1, 2]
    assert codes(found) == [None, "empty_text", None]
    assert found[0]["levels"] == {
        "haine": "peu_probable",
        "terrorisme": "tres_probable",
        "harcelement": "peu_probable",
        "contexte_protege": "peu_probable",
    }
    assert found[0]["text_sha256"] == text_sha256("une menace,\nici")
    assert found[0]["flags"] == {"windows": 1, "truncated": False, "not_french": False}
    assert tuple(found[0]["labels"]) == OUTPUT_KEYS
    assert found[0]["labels"]["vulgarite"] is None
    assert set(found[1]["labels"].values()) == {None}
    assert found[0]["bundle"].startswith("sha256:")


def test_semicolons_and_a_byte_order_mark(tiny_bundle: Path, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes("\ufeffnuméro;commentaire\n1;menace, oui\n".encode())
    found = scored(tiny_bundle, file, "--text-column", "commentaire", "--id-column", "numéro")
    assert found[0]["id"] == "1"
    assert found[0]["labels"]["terrorisme"] > 0.9


def test_broken_csv_rows_get_their_error(tiny_bundle: Path, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_bytes(b"text,n\nbonjour,1\nun,deux,trois,quatre\nca\xe9fe,1\n\nmenace,2\n")
    found = scored(tiny_bundle, file)
    assert codes(found) == [None, "invalid_csv", "invalid_utf8", "empty_text", None]


def test_a_quote_that_is_never_closed_is_an_error_not_one_long_text(tiny_bundle: Path, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text('text,n\nbonjour,1\n"menace,2\nhaine,3\n', encoding="utf-8")
    assert codes(scored(tiny_bundle, file)) == [None, "invalid_csv"]


def test_jsonl(tiny_bundle: Path, tmp_path: Path) -> None:
    lines = [
        b'{"text": "menace", "id": 7}',
        b"{oops",
        b"[1]",
        b'{"texte": "x"}',
        b'{"text": 3}',
        b'{"text": null}',
        b'{"text": "\\ud800 menace"}',
        b'{"text": "a\\u0000menace"}',
        b'{"text": "\xff"}',
        b"",
        b"[" * 100_000,
        b'{"text": "haine", "id": "z"}',
    ]
    file = tmp_path / "in.jsonl"
    file.write_bytes(b"\n".join(lines) + b"\n")
    found = scored(tiny_bundle, file, "--id-column", "id")
    assert codes(found) == [
        None,
        "invalid_json",
        "wrong_type",
        "missing_field",
        "wrong_type",
        "wrong_type",
        None,
        None,
        "invalid_utf8",
        "empty_text",
        "invalid_json",
        None,
    ]
    assert (found[0]["id"], found[1]["id"], found[-1]["id"]) == ("7", "1", "z")
    assert found[3]["error"]["pointer"] == "/text"


def test_parquet(tiny_bundle: Path, tmp_path: Path) -> None:
    file = tmp_path / "in.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"t": ["menace", None, "haine"] * 200, "n": range(600)}), file)
    found = scored(tiny_bundle, file, "--text-column", "t", "--id-column", "n")
    assert len(found) == 600
    assert codes(found[:3]) == [None, "wrong_type", None]
    assert found[-1]["id"] == "599"


def test_a_parquet_damaged_half_way_says_from_which_row(tiny_bundle: Path, tmp_path: Path) -> None:
    file, output = tmp_path / "in.parquet", tmp_path / "out"
    pyarrow.parquet.write_table(pyarrow.table({"text": ["menace"] * 4}), file)
    whole = file.read_bytes()
    file.write_bytes(whole[:4] + b"\xff" * 60 + whole[64:])
    done = run(tiny_bundle, str(file), "--output", str(output))
    assert done.returncode == 2
    assert "damaged from row 0" in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert not output.exists()


def test_lines_on_standard_input(tiny_bundle: Path) -> None:
    done = run(tiny_bundle, "-", stdin="menace\n\nété\r\n".encode() + b"\xff\xfe\x00\n" + b"a" * 100_001)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0
    assert codes(found) == [None, "empty_text", None, "invalid_utf8", "text_too_long"]
    assert found[2]["text_sha256"] == text_sha256("été")


def test_texts_never_reach_the_terminal(tiny_bundle: Path, tmp_path: Path) -> None:
    file = tmp_path / "in.csv"
    file.write_text("text\nunmotsecret menace\nunmotsecret,deux\n", encoding="utf-8")
    done = run(tiny_bundle, str(file), "--output", str(tmp_path / "out"))
    assert b"unmotsecret" not in done.stdout + done.stderr + (tmp_path / "out").read_bytes()
    file.write_text("unmotsecret menace au milieu d'une phrase, sans ligne de titre\n", encoding="utf-8")
    assert b"unmotsecret" not in run(tiny_bundle, str(file)).stderr


@pytest.mark.parametrize(
    ("name", "content", "options", "said"),
    [
        ("absent.csv", None, (), "No such file"),
        ("in.csv", b"texte,n\na,1\n", (), "did you mean 'texte'"),
        ("in.csv", b"text\na\n", ("--id-column", "id"), "--id-column 'id'"),
        ("in.csv", b"", (), "the file has no line at all"),
        ("in.csv", b"\x89PNG\r\n\x1a\n\x00\x00", (), "not text in UTF-8"),
        ("in.parquet", b"PAR1 nonsense", (), "not a Parquet file"),
        ("in.csv", b"text\na\n", ("--format", "cvs"), "did you mean 'csv'"),
        ("in.csv", b"text\na\n", ("--bundle", "/nowhere"), "no such bundle"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_clear_line(
    tiny_bundle: Path, tmp_path: Path, name: str, content: bytes | None, options: tuple[str, ...], said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    done = run(tiny_bundle, str(tmp_path / name), "--output", str(tmp_path / "out"), *options)
    assert done.returncode == 2
    assert said in done.stderr.decode()
    assert "Traceback" not in done.stderr.decode()
    assert not (tmp_path / "out").exists()


def test_an_unwritable_output_is_said(tiny_bundle: Path, tmp_path: Path) -> None:
    done = run(tiny_bundle, "-", "--output", str(tmp_path / "no" / "out"), stdin=b"a\n")
    assert done.returncode == 2
    assert "--output" in done.stderr.decode()
