"""``POST /v1/thresholds``: the threshold that any formula gives on the bundle's curves, with intervals."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import ConfigDict, Field
from starlette.responses import JSONResponse

from serving.answers import ThresholdsAnswer
from serving.bundle import OUTPUT_KEYS, Bundle, Curve, Label, OperatingPoint, parse, reweighted, solve
from serving.bundle.errors import Overloaded
from serving.bundle.operating import Formula

from . import schemas
from .document import read_body, told
from .explaining import known_labels
from .schemas import Body, json_body
from .scoring import Scorer

_EXAMPLE: dict[str, Any] = {
    "formula": "maximum recall @ precision >= 0.75",
    "labels": ["haine"],
    "population_rate": 0.05,
}


#: Requests that may wait for the one thread that solves: a formula for all labels takes seconds.
_MOST, _SECONDS = 8, 4


class ThresholdsRequest(Body):
    """``POST /v1/thresholds``. Without ``labels``: all of the bundle's."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    formula: Annotated[str, Field(max_length=200)]
    labels: Annotated[list[str], Field(min_length=1, max_length=len(OUTPUT_KEYS))] | None = None
    #: Share of positives among the notices that *this* deployment receives; without it, the bundle's own.
    population_rate: Annotated[float, Field(ge=0.0001, le=0.9999)] | None = None


def threshold_routes(scorer: Scorer) -> APIRouter:
    """The route of thresholds."""
    routes = APIRouter(tags=["scoring"])
    # A thread of its own: those of the database let people in, and must not wait for arithmetic.
    solver, asked = ThreadPoolExecutor(1, thread_name_prefix="vigie-solve"), 0

    @routes.post("/v1/thresholds", responses=told(ThresholdsAnswer, 413), openapi_extra=read_body(ThresholdsRequest))
    async def thresholds(request: Request) -> JSONResponse:
        """Solve a formula, as in ORES, for each label; a formula that no threshold satisfies is said unattainable."""
        body = schemas.parse(ThresholdsRequest, await json_body(request))
        formula, bundle = parse(body.formula), scorer.classifier.bundle
        keys = known_labels(body.labels or OUTPUT_KEYS, bundle.manifest)
        nonlocal asked
        if asked >= _MOST:
            again = _MOST * _SECONDS
            raise Overloaded(f"{_MOST} formulas wait to be solved; come back in {again} s", retry_after=again)
        asked += 1
        try:
            args = (bundle, formula, keys, body.population_rate)
            rows = await asyncio.get_running_loop().run_in_executor(solver, solved, *args)
        finally:
            asked -= 1
        return JSONResponse({"bundle": bundle.id, "formula": formula.text, "labels": rows})

    return routes


def solved(bundle: Bundle, formula: Formula, keys: list[str], rate: float | None) -> list[dict[str, Any]]:
    """One row for each label: threshold, metrics with 95 % intervals, and the rate they are weighted to."""
    curves = bundle.curves()
    return [_row(label, formula, curves.get(label.key), rate) for key in keys if (label := bundle.manifest.label(key))]


def _row(label: Label, formula: Formula, curve: Curve | None, rate: float | None) -> dict[str, Any]:
    point = _point(label, formula, curve, rate)
    return {
        "label": label.key,
        "attainable": point.threshold is not None,
        "threshold": point.threshold,
        "metrics": {name: interval.model_dump() for name, interval in point.metrics.items()},
        "population_rate": rate or label.calibration.population_rate,
        "positives": int((curve.labels > 0.5).sum()) if curve else 0,
        "rows": len(curve.labels) if curve else 0,
    }


def _point(label: Label, formula: Formula, curve: Curve | None, rate: float | None) -> OperatingPoint:
    """The shipped point of the same formula, whose intervals know which rows belong together; else a fresh one."""
    shipped = next((point for point in label.operating_points if parse(point.formula) == formula), None)
    if rate is None and shipped is not None and (shipped.metrics or shipped.threshold is None):
        return shipped
    if curve is None:
        return OperatingPoint(level="", formula=formula.text, threshold=None)
    return solve("", formula.text, reweighted(curve, rate) if rate else curve)
