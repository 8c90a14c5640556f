"""How good a bundle is, measured on what it serves: figures with intervals, a baseline beside it, functional tests.

vigie-train evaluate BUNDLE --recipe configs/train/petit.toml
vigie-train evaluate BUNDLE --suite hatecheck FILE.csv
"""

from .evaluate import evaluate, evaluate_bundle, write_evaluation
from .records import Evaluation, SuiteResult, write_json
from .suites import run_cases, run_hatecheck
from .tables import show_evaluation, show_suite

__all__ = [
    "Evaluation",
    "SuiteResult",
    "evaluate",
    "evaluate_bundle",
    "run_cases",
    "run_hatecheck",
    "show_evaluation",
    "show_suite",
    "write_evaluation",
    "write_json",
]
