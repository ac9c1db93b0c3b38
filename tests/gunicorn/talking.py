"""An app that logs on every kind of logger that a user's configuration may have."""

import logging


def app(environ, start_response):
    for name in ("shop", "shop.audit", "other"):
        logging.getLogger(name).info("info of %s", name)
        logging.getLogger(name).warning("warning of %s", name)
    logging.getLogger("shop").info("noise of shop")
    logging.getLogger("other").debug("debug of other")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"talked"]
