"""The tables of the benchmarks in the documentation are those of `results.json`."""

from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks.peers import OTHERS, PEERS
from benchmarks.report import (
    CHART,
    FOLDER,
    MARKED,
    PAGES,
    all_costs,
    fill_tables,
    format_part,
    make_tables,
    read_results,
)

RESULTS = read_results()
SUMMARY, REPORT = PAGES


@pytest.mark.parametrize("page", PAGES, ids=["docs/performance", "benchmarks/README"])
def test_every_table_is_that_of_the_results(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert fill_tables(text, RESULTS) == text


def test_a_table_that_was_written_over_is_noticed() -> None:
    text = SUMMARY.read_text(encoding="utf-8")
    (mark,) = MARKED.findall(text)
    assert fill_tables(text.replace(mark[0], mark[0] + "| 0.001 |\n"), RESULTS) == text


def test_every_table_is_somewhere() -> None:
    names = {name for _, name, _ in MARKED.findall(SUMMARY.read_text(encoding="utf-8"))}
    more = {name for _, name, _ in MARKED.findall(REPORT.read_text(encoding="utf-8"))}
    assert (names, more) == ({"costs"}, make_tables(RESULTS).keys() - {"costs"})


def test_the_chart_shows_the_results() -> None:
    tree = ElementTree.parse(FOLDER / CHART)
    texts = [text.strip() for text in tree.getroot().itertext()]
    for row in RESULTS.rows():
        if row.topic == OTHERS:
            assert row.what in texts
            assert (
                format_part(row.median).replace("-", "\N{MINUS SIGN}") in texts
                or format_part(row.median) in texts
            )


def test_the_results_have_a_row_for_every_cost_that_could_be_measured() -> None:
    missing = RESULTS.missing.keys()
    wanted = [(cost.topic, cost.what) for cost in all_costs() if cost.what not in missing]
    assert [(row.topic, row.what) for row in RESULTS.rows()] == wanted


def test_every_peer_is_explained() -> None:
    text = REPORT.read_text(encoding="utf-8")
    for peer in PEERS:
        assert f"\n| {peer.name.removesuffix(', orjson')} | " in text
