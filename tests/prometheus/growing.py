"""A process whose app has more routes than there may be series."""

import json
import sys

from flask import Flask

from tests.calls import call_freely
from tests.prometheus.serving import counts, scrape
from wsgi_observe import configure_logging, observe


def main() -> None:
    """Ask each route once, and print how many were counted by themselves, and how many not."""
    configure_logging(log_format="json")
    app = Flask("growing")
    app.wsgi_app = observe(  # type: ignore[method-assign]
        app.wsgi_app, metrics_path="/metrics", middlewares=["request_id"]
    )
    for number in range(1010):
        app.add_url_rule(f"/grown/{number}", str(number), lambda: ("", 503))
    for number in range(1010):
        call_freely(app, f"/grown/{number}")
    call_freely(app, "/nowhere", "POST")
    found = counts(scrape(app))
    grown = [key for key in found if key[1].startswith("/grown/")]
    others = {key[2]: int(count) for key, count in found.items() if key[1] == "overflow"}
    sys.stdout.write(json.dumps({"grown": len(grown), **others}) + "\n")
