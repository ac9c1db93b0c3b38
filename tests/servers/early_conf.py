"""Flask is there before a worker is forked: one that takes another's place serves at once."""

import flask  # noqa: F401
