"""The file with the log lines of the demo, beside what is on stdout."""

import logging
import os

from wsgi_observe import Settings
from wsgi_observe.logs import JsonFormatter, logging_config

LOG_NAME = "demo.log"


def keep_log_lines() -> None:
    """Append each record to the file, as JSON.

    On a terminal, stdout has lines for people: `trace`, `errors` and lnav read JSON.
    """
    config = logging_config(Settings.from_env(os.environ), log_format="json")
    options = config["formatters"]["wsgi_observe"]
    handler = logging.FileHandler(LOG_NAME, encoding="utf-8")
    handler.setFormatter(JsonFormatter(**{name: options[name] for name in options if name != "()"}))
    logging.getLogger().addHandler(handler)
