"""The contract between the two wings: a folder that training makes and serving runs.

Knows nothing of ONNX Runtime, HTTP, queues or users: standard library, numpy and pydantic only.
"""

from .curves import Curve, load_curves, reweighted, save_curves
from .errors import (
    BundleError,
    ConfigError,
    Conflict,
    Forbidden,
    InputError,
    MissingExtra,
    NotFound,
    Unavailable,
    VigieError,
)
from .folder import Bundle, check_bundle, open_bundle, seal_bundle
from .manifest import (
    Calibration,
    DatasetRecord,
    InputSpec,
    Interval,
    Label,
    Manifest,
    OperatingPoint,
    Provenance,
    Quantisation,
)
from .operating import LEVELS, STANDARD_POINTS, parse, solve
from .taxonomy import FAMILIES, LEVELED, OUTPUT_KEYS, Taxonomy, family_of, load_taxonomy, with_parents
from .text import MAX_CODE_POINTS, prepare, text_sha256, words
from .verdict import Judge, Verdict, at_least, calibrated, level_of

__all__ = [
    "FAMILIES",
    "LEVELED",
    "LEVELS",
    "MAX_CODE_POINTS",
    "OUTPUT_KEYS",
    "STANDARD_POINTS",
    "Bundle",
    "BundleError",
    "Calibration",
    "ConfigError",
    "Conflict",
    "Curve",
    "DatasetRecord",
    "Forbidden",
    "InputError",
    "InputSpec",
    "Interval",
    "Judge",
    "Label",
    "Manifest",
    "MissingExtra",
    "NotFound",
    "OperatingPoint",
    "Provenance",
    "Quantisation",
    "Taxonomy",
    "Unavailable",
    "Verdict",
    "VigieError",
    "at_least",
    "calibrated",
    "check_bundle",
    "family_of",
    "level_of",
    "load_curves",
    "load_taxonomy",
    "open_bundle",
    "parse",
    "prepare",
    "reweighted",
    "save_curves",
    "seal_bundle",
    "solve",
    "text_sha256",
    "with_parents",
    "words",
]
