"""What a sequence of readings was worth. Pure: readings in, figures out.

Harm averted and deadlines are counted on the days of the arrivals; time to action, waiting and the share of reading
that grave content needs are counted until everything has been read, so that what is never reached weighs too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from serving.bundle.taxonomy import FAMILIES
from serving.policy import Policy

from .days import Reading
from .world import Notice, World

#: Groups of ``Figures.waiting`` that are no output.
VITAL, HARMLESS = "vital", ""
_GRAVE_SHARE = 0.95


@dataclass(frozen=True)
class Figures:
    """One order on one world.

    Attributes:
        harm_averted: severity-hours that actions within the days of the arrivals avert; ``harm_avertable`` had every
            notice been acted on as it came.
        harm_per_minute: harm averted per minute of reading within those days.
        views_averted, views_per_minute: the other measure: severity times views.
        deadlines: orders whose deadline falls within those days; ``missed`` of them.
        action_minutes: from notice to action, of every illegal text that was acted on.
        grave_review_share: readings after which 95 % of grave texts were dealt with, per notice.
        unread: notices dealt with by the decision on an equal text, per notice.
        waiting: minutes from notice to reading, by family, by protected criterion of hate, and for danger to life.
    """

    harm_averted: float
    harm_avertable: float
    harm_per_minute: float
    views_averted: float
    views_avertable: float
    views_per_minute: float
    deadlines: int
    missed: int
    action_minutes: tuple[float, ...]
    grave_review_share: float
    unread: float
    waiting: dict[str, tuple[float, ...]]


def figures(world: World, readings: Sequence[Reading], policy: Policy, grave_severity: float) -> Figures:
    """The figures of one order on one world."""
    inside = [reading for reading in readings if reading.ended <= world.end]
    acted = [reading for reading in inside if reading.acted and reading.notice.illegal]
    # Reading that straddles the end counts for its part inside: the time was spent.
    minutes = sum(max(0.0, min(reading.ended, world.end) - reading.begun) for reading in readings)
    averted = sum(reading.notice.harm_left(reading.ended) for reading in acted)
    views = sum(reading.notice.views_left(reading.ended) for reading in acted)
    deadlines = list(_deadlines(world, readings, policy))
    return Figures(
        harm_averted=averted,
        harm_avertable=sum(notice.harm_left(notice.at) for notice in world.notices),
        harm_per_minute=averted / minutes,
        views_averted=views,
        views_avertable=sum(notice.views_left(notice.at) for notice in world.notices),
        views_per_minute=views / minutes,
        deadlines=len(deadlines),
        missed=sum(late for late in deadlines),
        action_minutes=tuple(r.ended - r.notice.at for r in readings if r.acted and r.notice.illegal),
        grave_review_share=_grave_share(readings, grave_severity),
        unread=sum(not reading.read for reading in readings) / len(readings),
        waiting=_waiting(readings),
    )


def _deadlines(world: World, readings: Sequence[Reading], policy: Policy) -> Iterable[bool]:
    """Whether each deadline within the days was missed."""
    for reading in readings:
        if (due := _due(reading.notice, policy)) is not None and due <= world.end:
            yield reading.ended > due


def _due(notice: Notice, policy: Policy) -> float | None:
    if notice.order is None:
        return None
    length = policy.order_kind(notice.order.reference, notice.order.kind).minutes
    return notice.at + length if length else None


def _grave_share(readings: Sequence[Reading], severity: float) -> float:
    read = np.cumsum([reading.read for reading in readings])
    grave = [place for place, reading in enumerate(readings) if reading.notice.gold.severity >= severity]
    if not grave:
        return float("nan")
    return float(read[grave[int(np.ceil(_GRAVE_SHARE * len(grave))) - 1]] / len(readings))


def _waiting(readings: Sequence[Reading]) -> dict[str, tuple[float, ...]]:
    found: dict[str, list[float]] = {}
    for reading in readings:
        for group in _groups(reading.notice):
            found.setdefault(group, []).append(reading.begun - reading.notice.at)
    return {group: tuple(minutes) for group, minutes in sorted(found.items())}


def _groups(notice: Notice) -> list[str]:
    """True families, criteria of hate, and a danger to life that is real; HARMLESS for a text of no family."""
    labels = notice.gold.labels
    groups = [key for key in sorted(labels) if key in FAMILIES or key.startswith("haine.")]
    return [*groups, *([VITAL] if notice.vital and notice.illegal else [])] or [HARMLESS]
