"""Code that runs in Gunicorn's arbiter: crashed workers, draining, loading of the app."""
