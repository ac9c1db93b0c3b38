"""Code that runs in Gunicorn's arbiter: shared state, reaping, draining, loading of the app."""
