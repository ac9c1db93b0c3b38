"""Whether somebody has asked for Gunicorn's own access log."""

from __future__ import annotations

import json
from configparser import RawConfigParser
from contextlib import suppress
from pathlib import Path
from typing import Any

_NAME = "gunicorn.access"


def wants_gunicorns_own(cfg: Any) -> bool:
    """Return whether a configuration asks for it: by a setting of its own, or by its logger's name.

    To Gunicorn itself any ``logconfig`` asks for it, since its defaults name that logger, and so
    does ``syslog``.
    """
    if cfg.accesslog:
        return True
    if cfg.logconfig_dict:
        return _NAME in cfg.logconfig_dict.get("loggers", {})
    with suppress(OSError, ValueError, AttributeError):
        if cfg.logconfig_json:
            text = Path(cfg.logconfig_json).read_text(encoding="utf-8")
            return _NAME in json.loads(text).get("loggers", {})
    return bool(cfg.logconfig) and _NAME in _loggers_of(cfg.logconfig)


def _loggers_of(path: str) -> set[str]:
    """Return the loggers that a file for ``logging.config.fileConfig`` names."""
    parser = RawConfigParser(strict=False)
    with suppress(Exception):  # Gunicorn has read it already, and said what is wrong
        parser.read(path)
    return {parser.get(one, "qualname", fallback="") for one in parser.sections()}
