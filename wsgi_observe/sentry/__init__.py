"""The door to Sentry: each failure one event, under its request ID, without the secrets."""

from wsgi_observe.sentry.init import init_sentry
from wsgi_observe.sentry.integration import ObserveIntegration
from wsgi_observe.sentry.scrubber import scrub
from wsgi_observe.user import pseudonymize

__all__ = ["ObserveIntegration", "init_sentry", "pseudonymize", "scrub"]
