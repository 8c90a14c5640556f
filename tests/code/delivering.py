"""Run in a process that a test kills: delivers webhooks for ever, with a lease that is soon over.

python tests/code/delivering.py DATABASE_URL
"""

from __future__ import annotations

import sys
from datetime import timedelta

from serving.review import Hooks, open_database
from serving.webhooks import Allowed, Courier, Terms

hooks = Hooks(open_database(sys.argv[1]), b"a secret for tests, 32 bytes long")
Courier(hooks, Terms(Allowed(http=True, private=True), lease=timedelta(seconds=0.3))).run()
