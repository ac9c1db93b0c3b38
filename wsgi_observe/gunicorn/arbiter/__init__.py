"""Gunicorn's arbiter: state shared with workers, reaping, draining, loading the app."""
