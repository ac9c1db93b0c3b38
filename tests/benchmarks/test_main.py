"""The benchmark runs, and its table has a row for each cost."""

import subprocess
import sys
from pathlib import Path

from benchmarks.report import COSTS, costs, table
from tests.support import strict_json

ROOT = Path(__file__).parent.parent.parent


def test_the_command_prints_a_row_for_each_cost() -> None:
    command = [sys.executable, "-m", "benchmarks", "--rounds", "2", "--calls", "2"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    head, *rows = done.stdout.splitlines()
    assert head.startswith("of a bare Flask JSON hello")
    assert [row[:54].rstrip() for row in rows] == list(COSTS)


def test_every_set_up_writes_a_line_with_the_fields_of_the_request() -> None:
    program = "from benchmarks.lines import lines\nfor call in lines().values(): call()"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    written = [strict_json(line) for line in done.stdout.splitlines()]
    assert len(written) >= 4  # structlog may not be installed
    assert len({line["request_id"] for line in written}) == 1
    for line in written:
        assert "order 7 placed" in (line.get("message"), line.get("event"))
        assert line["level"].upper() == "INFO"
        assert line["logger"] == "shop.orders"
        assert (line["method"], line["path"]) == ("GET", "/orders")
        assert line["remote_addr"] == "127.0.0.1"
        assert "timestamp" in line


def test_a_peer_that_is_not_installed_is_listed_as_such() -> None:
    one = dict.fromkeys(NAMES - {"line, structlog, orjson"}, 1.0)
    last = table([one, one]).splitlines()[-1]
    assert last.split() == ["structlog's,", "orjson", "not", "installed"]


def test_a_cost_is_the_difference_within_a_round_as_a_part_of_that_round() -> None:
    slow, fast = (
        {name: scale * (2.0 if name.endswith("access line") else 1.0) for name in NAMES}
        for scale in (1.0, 0.1)
    )
    found = {cost.what: cost.median for cost in costs([slow, fast, slow, fast])}
    assert round(found["stack with the access line, on Flask"], 9) == 1.0
    assert round(found["a health answer, whole"], 9) == 1.0


NAMES = {name for pair in COSTS.values() for name in pair if name}
