"""The bare shop with its own lines written, as the standard library does it."""

import logging

logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s %(message)s")

from benchmarks.shop import app  # noqa: E402

__all__ = ["app"]
