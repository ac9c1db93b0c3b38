"""An app that logs below its level, then fails, hangs or answers."""

import logging
import os
import signal
import time

log = logging.getLogger("debugging")


def app(environ, start_response):
    log.debug("reading %s", environ["PATH_INFO"])
    if environ["PATH_INFO"] == "/boom":
        raise ValueError("boom")
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.6)
    if environ["PATH_INFO"] == "/kill":
        os.kill(os.getpid(), signal.SIGABRT)
        time.sleep(15)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "2")])
    return [b"ok"]
