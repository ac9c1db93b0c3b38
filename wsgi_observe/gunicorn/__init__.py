"""Gunicorn integration: the whole stack, one log stream and draining, without a code change.

``gunicorn --logger-class wsgi_observe.gunicorn.Logger shop:app`` goes with a ``gunicorn.conf.py``
of your own. ``gunicorn -c python:wsgi_observe.gunicorn shop:app`` is the same as a config module.
Settings come from ``WSGI_OBSERVE_*``.
"""

from wsgi_observe.gunicorn.logger import Logger

__all__ = ["Logger", "logger_class"]

logger_class = "wsgi_observe.gunicorn.Logger"
"""The one setting of this module as Gunicorn's config file; the logger installs all the rest."""
