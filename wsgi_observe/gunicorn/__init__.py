"""The door to Gunicorn: the whole stack, one stream of lines, draining; and no code change.

``gunicorn --logger-class wsgi_observe.gunicorn.Logger shop:app`` sits beside a ``gunicorn.conf.py``
of your own. ``gunicorn -c python:wsgi_observe.gunicorn shop:app`` is the same as a config module.
Settings come from ``WSGI_OBSERVE_*``.
"""

from wsgi_observe.gunicorn.logger import Logger

__all__ = ["Logger", "logger_class"]

logger_class = "wsgi_observe.gunicorn.Logger"
"""The one setting of Gunicorn's that this has as a config module: the rest hangs on it."""
