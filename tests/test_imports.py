"""What `import wsgi_observe` loads."""

import subprocess
import sys


def test_the_import_loads_nothing_that_only_some_need() -> None:
    code = "import sys, wsgi_observe; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, check=True)
    heavy = {"asyncio", "difflib", "ipaddress", "logging.config"}
    heavy |= {"pickle", "pythonjsonlogger", "queue", "socket", "urllib.parse", "uuid"}
    heavy |= {"wsgi_observe.logs.formatters.json", "wsgi_observe.health.runner"}
    heavy |= {"wsgi_observe.redaction"}
    assert heavy & set(done.stdout.decode().split()) == set()
