"""Gunicorn's configuration for the demo, whose log lines are kept in a file, too."""

import logging
import os

from wsgi_observe import Settings
from wsgi_observe.logs import JsonFormatter, logging_config

workers = 2
threads = 4
worker_class = "gthread"
graceful_timeout = 3
control_socket_disable = True  # since Gunicorn 25.1 it would be created in the home directory

# Besides stdout, where a terminal gets lines for people: `trace`, `errors` and lnav read JSON.
# Gunicorn reads this before it forks, so that the arbiter and each worker append to one file.
_config = logging_config(Settings.from_env(os.environ), log_format="json")
_options = _config["formatters"]["wsgi_observe"]
_handler = logging.FileHandler("demo.log", encoding="utf-8")
_handler.setFormatter(JsonFormatter(**{name: _options[name] for name in _options if name != "()"}))
logging.getLogger().addHandler(_handler)
