"""What the topics of the report are called."""

from __future__ import annotations

PATH = "Added to a request, in process"
ALONE = "Each middleware alone, and the stack as it grows"
OTHERS = "What others add to the Flask hello"
RATIOS = "The whole stack beside others"
LINES = "One log line"
REDACTION = "What redaction adds"
SERVERS = "Behind Gunicorn, observed ÷ bare"
STARTING = "Starting, and memory"
SCALING = "What grows with the service"
FLOOR = "The parts that the floor is made of"
