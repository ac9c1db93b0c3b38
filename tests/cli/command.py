"""The command as these tests call it."""

import sys

COMMAND = (sys.executable, "-m", "wsgi_observe")
DEMO = (*COMMAND, "demo", "--port", "0")
