"""A hook of a user's that hangs after each request, where no request runs any more."""

import time


def post_request(worker, req, environ, resp):
    for _ in range(1000):
        time.sleep(0.02)
