"""The door to Sentry: each failure one event, under its request ID, without the secrets."""

from wsgi_observe.core.pseudonym import pseudonymize
from wsgi_observe.sentry.integration import ObserveIntegration
from wsgi_observe.sentry.scrubber import scrub
from wsgi_observe.sentry.start import init_sentry

__all__ = ["ObserveIntegration", "init_sentry", "pseudonymize", "scrub"]
