"""The payment service, which a shop calls under its own request ID."""

from __future__ import annotations

import logging
import time
from itertools import count

from flask import Flask

from wsgi_observe.flask import Observe

log = logging.getLogger("payments")
app = Flask(__name__)
Observe(app)
charges = count(1)


@app.post("/charges")
def charge() -> dict[str, str]:
    """Take longer than the client waits."""
    log.info("charged", extra={"charge_id": f"ch_{next(charges)}", "amount": "12.00"})
    time.sleep(0.3)
    return {}
