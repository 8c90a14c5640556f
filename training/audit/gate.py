"""The release gate: the figures of an audit against the bounds of ``configs/audit.toml``. Measures nothing."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from serving.bundle import Conflict, Interval
from training.evaluation.records import Figures

from .config import AuditConfig, Bound
from .filed import Filed, unfit
from .records import BoundOutcome

#: Broken bounds named in one message.
_NAMED = 5


def outcomes(figures: Figures, bounds: Sequence[Bound]) -> tuple[BoundOutcome, ...]:
    """Every figure that a bound names, against it; a required bound without figure is broken."""
    found = []
    for bound in bounds:
        named = {name: value for name, value in figures.items() if fnmatchcase(name, bound.figure)}
        if named:
            found += [_outcome(name, value, bound) for name, value in named.items()]
        elif bound.required:
            found.append(_outcome(bound.figure, None, bound))
    return tuple(found)


def _outcome(name: str, value: Interval | None, bound: Bound) -> BoundOutcome:
    return BoundOutcome(
        figure=name, value=value, bound=_words(bound), held=value is not None and _held(value, bound), why=bound.why
    )


def _held(found: Interval, bound: Bound) -> bool:
    if bound.at_most is not None:
        return (found.value if bound.judged == "value" else found.low) <= bound.at_most
    assert bound.at_least is not None  # a bound has one side
    return (found.value if bound.judged == "value" else found.high) >= bound.at_least


def _words(bound: Bound) -> str:
    side = f"≤ {bound.at_most:g}" if bound.at_most is not None else f"≥ {bound.at_least:g}"
    return side if bound.judged == "value" else f"{side} (intervalle)"


def check_gate(filed: Filed, bundle: str, config: AuditConfig) -> None:
    """Let a bundle pass, or say why not.

    Raises:
        Conflict: the bundle has no audit of the recipe's own rows made as the configuration says, the audit is of
            another bundle, or a bound is broken; names the figures and what to do.
    """
    again, audit = "audit it: vigie-train audit BUNDLE", filed.audit
    if audit is None:
        reasons = filed.reasons
        raise Conflict(
            f"bundle {bundle[:19]}… has no audit of its own rows in the tracking store{reasons}; {again}",
            code="not_audited",
        )
    if audit.bundle != bundle:
        raise Conflict(f"the audit is of bundle {audit.bundle[:19]}…, not of {bundle[:19]}…; {again}")
    if reason := unfit(audit, config.audit):
        raise Conflict(f"the gate judges by the recipe's own rows and audit.toml; given: {reason}; {again}")
    broken = [line for line in outcomes(audit.figures(), config.bounds) if not line.held]
    if broken:
        named = "; ".join(f"{line.figure} = {_shown(line.value)}, expected {line.bound}" for line in broken[:_NAMED])
        more = f"; and {len(broken) - _NAMED} more" if len(broken) > _NAMED else ""
        raise Conflict(
            f"the release gate is broken: {named}{more}. Mend the bundle, or change [[gate]] of audit.toml and say why",
            code="gate_broken",
        )


def _shown(found: Interval | None) -> str:
    return "not measured" if found is None else f"{found.value:.3f} [{found.low:.3f}, {found.high:.3f}]"
