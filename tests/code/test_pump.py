"""The background work of a worker goes on over a log that has lost its seals, all but the sealing."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

from prometheus_client import CollectorRegistry
from sqlalchemy import text

from serving.api.meters import Meters
from serving.champion import Champion
from serving.review import KeyKind, NewCase, Source
from serving.review.database import writing

PLATFORM = Source("clef", KeyKind.PLATFORM)
PATIENCE = 30


def test_texts_are_erased_over_a_log_that_is_not_sealed_and_the_refusal_is_logged(queue, classifier, noon):
    from serving.service import Pump  # here: it makes BentoML's service, which no other test of this process needs

    (old,) = queue.receive([NewCase(external_id="a", text="un texte")], source=PLATFORM, now=noon - timedelta(days=400))
    queue.seal()
    with writing(queue.engine) as connection:
        connection.execute(text("DELETE FROM seals"))
    refused = threading.Event()

    class Heard(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if getattr(record, "fields", {}).get("code") == "log_altered":
                refused.set()

    heard = Heard()
    logging.getLogger().addHandler(heard)
    pump = Pump(queue, Champion(classifier), Meters(CollectorRegistry()))
    pump.start()
    try:
        assert refused.wait(PATIENCE)
    finally:
        pump.stop()
        logging.getLogger().removeHandler(heard)
    assert queue.get(old.id).text is None
