"""The handlers that Flask and Werkzeug add by themselves, taken off: each record once."""

from __future__ import annotations

import logging
import sys


def remove_default_handlers() -> None:
    """Take off what was added before logging was configured."""
    # Looked up, not imported: where it is not loaded there is none.
    of_flask = getattr(sys.modules.get("flask.logging"), "default_handler", None)
    for logger in list(logging.root.manager.loggerDict.values()):
        for handler in list(getattr(logger, "handlers", ())):
            of_werkzeug = type(handler).__module__ == "werkzeug._internal"
            if of_werkzeug or handler is of_flask:
                logger.removeHandler(handler)  # type: ignore[union-attr]
