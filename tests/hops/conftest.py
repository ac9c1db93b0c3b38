"""The broker of the jobs."""

from tests.jobs.conftest import broker as broker
