"""Readiness checks: public names."""

from wsgi_observe.health.check import Check
from wsgi_observe.health.readiness import Readiness
from wsgi_observe.health.report import Report
from wsgi_observe.health.state import HealthState

__all__ = ["Check", "HealthState", "Readiness", "Report"]
