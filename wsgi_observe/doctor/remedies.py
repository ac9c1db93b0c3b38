"""Remedies that several questions have; they are written for Flask."""

from __future__ import annotations

_FLASK_APP = "app.wsgi_app"

OBSERVE = f"{_FLASK_APP} = observe({_FLASK_APP})  # from wsgi_observe import observe"
OBSERVE_ANYWHERE = f"gunicorn --logger-class wsgi_observe.gunicorn.Logger …, or in code:\n{OBSERVE}"
CONFIGURE_LOGGING = "from wsgi_observe import configure_logging; configure_logging()"
ANSWER_EXCEPTIONS = (
    "answer exceptions in production: switch off DEBUG, TESTING, PROPAGATE_EXCEPTIONS\n"
    "and the setting propagate"
)
KEEP_ENABLED = "pass disable_existing_loggers=False to dictConfig or fileConfig"


def fit_remedy(remedy: str, framework: str) -> str:
    """Return a remedy that is right for a framework."""
    if framework == "flask":
        return remedy
    return remedy.replace(_FLASK_APP, "application" if framework == "django" else "app")
