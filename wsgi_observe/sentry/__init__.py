"""Sentry integration: one event for each failure, tagged with its request ID, redacted."""

from wsgi_observe.sentry.init import init_sentry
from wsgi_observe.sentry.integration import ObserveIntegration
from wsgi_observe.sentry.scrubber import Scrubber, scrub
from wsgi_observe.user import pseudonymize

__all__ = ["ObserveIntegration", "Scrubber", "init_sentry", "pseudonymize", "scrub"]
