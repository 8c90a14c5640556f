"""The doors of `vigie-train`: one sentence for an error, the pip line for a missing extra."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCRIPT = "import sys; from training.cli import main; sys.argv[0] = 'vigie-train'; main()"


def vigie_train(*arguments: str, cwd, env: dict[str, str] | None = None, script: str = SCRIPT):
    return subprocess.run(
        [sys.executable, "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=os.environ | {"COLUMNS": "200", "PYTHONPATH": os.pathsep.join(sys.path)} | (env or {}),
        timeout=280,
    )


def test_help_names_the_verbs_of_today(tmp_path):
    done = vigie_train("--help", cwd=tmp_path)
    assert done.returncode == 0
    for verb in (
        "run",
        "pretrain",
        "distill",
        "export",
        "evaluate",
        "measure",
        "compare",
        "map-threshold",
        "audit",
        "promote",
        "document",
        "reproduce",
        "data",
    ):
        assert f" {verb} " in done.stdout


def test_a_missing_extra_gives_the_pip_line(tmp_path):
    """As on a machine with the serving extra only: torch cannot be found."""
    hidden = (
        "import importlib.util as u; find = u.find_spec; "
        "u.find_spec = lambda name, *a: None if name in ('torch', 'datasets') else find(name, *a); "
    )
    done = vigie_train("run", "recipe.toml", cwd=tmp_path, script=hidden + SCRIPT)
    assert done.returncode == 2
    assert "pip install 'vigie[training]'" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("run", "nothing.toml"), "no such file"),
        (("run", "typo.toml"), "did you mean 'seed'"),
        (("export", "nowhere"), "run.json"),
        (("evaluate", "nowhere"), "no such bundle"),
        (("evaluate", "nowhere", "--suite", "tests", "x.csv"), "expected hatecheck"),
        (("measure", "nowhere"), "no such bundle"),
        (("audit", "nowhere"), "no such bundle"),
        (("reproduce", "nowhere"), "no such bundle"),
        (("reproduce", "nowhere", "--steps", "dat"), "did you mean 'data'"),
        (("reproduce", "nowhere", "--steps", ","), "names no step"),
        (("document", "nowhere"), "no such bundle"),
        (("compare", "nowhere.json"), "give a file of vigie-train measure"),
        (("promote", "nobody", "challenger"), "no version or alias"),
    ],
)
def test_errors_are_one_sentence(arguments, said, tmp_path):
    (tmp_path / "typo.toml").write_text("sed = 1\n", encoding="utf-8")
    done = vigie_train(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_a_suite_runs_on_a_bundle(tiny_bundle, tmp_path):
    (tmp_path / "suite.csv").write_text(
        "functionality,test_case,label_gold,target_ident\n"
        "derog_neg_emote_h,la haine partout,hateful,femmes\n"
        "ident_neutral_nh,le chat dort,non-hateful,femmes\n",
        encoding="utf-8",
    )
    done = vigie_train("evaluate", tiny_bundle, "--suite", "hatecheck", "suite.csv", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "derog_neg_emote_h" in done.stdout


def test_pretraining_says_what_is_missing(root, tmp_path):
    recipe = root / "configs/pretrain/petit.toml"
    done = vigie_train("pretrain", recipe, "--corpus", tmp_path, "--out", tmp_path / "out", cwd=tmp_path)
    assert done.returncode == 2
    assert "--corpus" in done.stderr
    assert "Traceback" not in done.stderr
