"""Which code and which libraries run here: what a manifest says of its making, and what a reproduction compares."""

from __future__ import annotations

import importlib.metadata
import platform
import subprocess
from pathlib import Path

#: Code that makes and judges a bundle, as git names paths.
MAKERS = (":(glob)training/*.py", "training/data", "training/evaluation", "serving/bundle", "serving/classifier.py")

#: Packages whose version can change a model or its scores.
VERSIONED = ("vigie", "torch", "transformers", "tokenizers", "datasets", "onnx", "onnxruntime", "numpy", "scikit-learn")


def git_commit() -> str:
    """Commit of the code that runs, with `+modified` when tracked files differ; `unknown` outside a checkout."""
    root = str(Path(__file__).resolve().parent.parent)
    try:
        commit = _git(root, "rev-parse", "HEAD")
        changed = _git(root, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return f"{commit}+modified" if changed else commit


def changed_since(commit: str) -> int | None:
    """Files of the code that makes and judges a bundle that differ from ``commit``; None where git does not know it."""
    root = str(Path(__file__).resolve().parent.parent)
    try:
        return len(_git(root, "diff", "--name-only", commit.removesuffix("+modified"), "--", *MAKERS).splitlines())
    except (OSError, subprocess.CalledProcessError):
        return None


def _git(root: str, *arguments: str) -> str:
    command = ["git", "-C", root, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603  fixed words


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that can change a score."""
    found = {"python": platform.python_version()}
    for name in VERSIONED:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
