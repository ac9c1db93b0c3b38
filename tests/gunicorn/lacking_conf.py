"""A Gunicorn from which an internal has gone, as a later version's may have."""

import os

from gunicorn.arbiter import Arbiter
from gunicorn.workers import base

gone = os.environ["GONE"]

if gone == "handle_term":
    del Arbiter.handle_term
elif gone == "handle_error":
    del base.Worker.handle_error
elif gone == "wsgi":
    # A worker that keeps the app elsewhere.
    load_wsgi = base.Worker.load_wsgi

    def load_elsewhere(self):
        load_wsgi(self)
        self.app_elsewhere = self.wsgi
        self.wsgi = None

    base.Worker.load_wsgi = load_elsewhere
