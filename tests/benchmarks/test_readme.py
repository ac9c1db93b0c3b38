"""The tables of the benchmarks in the documentation are those of `results.json`."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.chart import NAME as CHART
from benchmarks.names import OTHERS
from benchmarks.peers import PEERS
from benchmarks.readme import MARKED, PAGES, filled, tables
from benchmarks.report import part
from benchmarks.results import FOLDER, read
from benchmarks.topics import topics

RESULTS = read()
SUMMARY, REPORT = PAGES


@pytest.mark.parametrize("page", PAGES, ids=["docs/performance", "benchmarks/README"])
def test_every_table_is_that_of_the_results(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert filled(text, RESULTS) == text


def test_a_table_that_was_written_over_is_noticed() -> None:
    text = SUMMARY.read_text(encoding="utf-8")
    (mark,) = MARKED.findall(text)
    assert filled(text.replace(mark[0], mark[0] + "| 0.001 |\n"), RESULTS) == text


def test_every_table_is_somewhere() -> None:
    names = {name for _, name, _ in MARKED.findall(SUMMARY.read_text(encoding="utf-8"))}
    more = {name for _, name, _ in MARKED.findall(REPORT.read_text(encoding="utf-8"))}
    assert (names, more) == ({"costs"}, tables(RESULTS).keys() - {"costs"})


def test_the_chart_shows_the_results() -> None:
    tree = ElementTree.parse(FOLDER / CHART)
    texts = [text.strip() for text in tree.getroot().itertext()]
    for row in RESULTS.rows():
        if row.topic == OTHERS:
            assert row.what in texts
            assert (
                part(row.median).replace("-", "\N{MINUS SIGN}") in texts
                or part(row.median) in texts
            )


def test_the_results_have_a_row_for_every_cost_that_could_be_measured() -> None:
    missing = RESULTS.missing.keys()
    wanted = [(cost.topic, cost.what) for cost in topics() if cost.what not in missing]
    assert [(row.topic, row.what) for row in RESULTS.rows()] == wanted


def test_every_peer_is_explained() -> None:
    text = REPORT.read_text(encoding="utf-8")
    for peer in PEERS:
        assert f"\n| {peer.name.removesuffix(', orjson')} | " in text
