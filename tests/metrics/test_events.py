"""Counts in memory that processes share: each has one writer, and what a dead one counted stays."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from wsgi_observe.metrics import events
from wsgi_observe.metrics.events import EventTable, add_event, sum_events, use_table
from wsgi_observe.metrics.sources import MetricsSources


@pytest.fixture
def sources(monkeypatch: pytest.MonkeyPatch) -> MetricsSources:
    monkeypatch.setattr(events, "_table", None)
    return MetricsSources(3)


def read(table: EventTable) -> dict[tuple[str, str], float]:
    return {(event.name, event.label): event.value for event in table.read()}


def test_a_table_counts_and_another_process_reads(sources: MetricsSources) -> None:
    pid = os.fork()
    if not pid:
        use_table(sources.event_table(1))
        add_event("died", "SIGKILL")
        add_event("died", "SIGKILL", 2)
        events.set_value("blocked", "stdout", 1)
        os._exit(0)
    os.waitpid(pid, 0)
    assert read(sources.event_table(1)) == {("died", "SIGKILL"): 3, ("blocked", "stdout"): 1}
    assert read(sources.event_table(0)) == {}


def test_a_successor_goes_on_with_what_a_dead_process_has_counted(sources: MetricsSources) -> None:
    sources.event_table(1).add("died", "SIGKILL")
    sources.event_table(1).add("died", "SIGKILL")
    sources.event_table(-1).add("died", "SIGKILL", 5)
    assert sum_events(sources.event_tables(), "died") == {"SIGKILL": 7}


def test_what_holds_for_a_process_ends_with_it(sources: MetricsSources) -> None:
    table = sources.event_table(0)
    table.add(events.LOG_LINES_LOST, "stdout", 4)
    table.set(events.LOG_STREAM_BLOCKED, "stdout", 1)
    table.set(events.LOG_LINES_BUFFERED, "stdout", 9)
    sources.event_table(0).end_process()
    assert read(sources.event_table(0)) == {
        (events.LOG_LINES_LOST, "stdout"): 4,
        (events.LOG_STREAM_BLOCKED, "stdout"): 0,
        (events.LOG_LINES_BUFFERED, "stdout"): 0,
    }


def test_a_forked_process_writes_nothing_to_its_parents_table(sources: MetricsSources) -> None:
    use_table(sources.event_table(0))
    pid = os.fork()
    if not pid:
        add_event("died", "SIGKILL")
        os._exit(0)
    os.waitpid(pid, 0)
    assert read(sources.event_table(0)) == {}


def test_threads_lose_no_count(sources: MetricsSources) -> None:
    table = sources.event_table(0)
    threads = [
        threading.Thread(target=lambda: [table.add("rejected", "400") for _ in range(2000)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(table) == {("rejected", "400"): 8000}


def test_a_signal_handler_counts_while_its_thread_does(sources: MetricsSources) -> None:
    use_table(sources.event_table(0))
    previous = signal.signal(signal.SIGALRM, lambda *_: add_event("died", "SIGALRM"))
    signal.setitimer(signal.ITIMER_REAL, 0.001, 0.001)
    try:
        while read(sources.event_table(0)).get(("died", "SIGALRM"), 0) < 50:
            add_event("slow")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)


def test_more_kinds_than_there_is_room_for_are_counted_as_others(sources: MetricsSources) -> None:
    table = sources.event_table(0)
    for number in range(300):
        table.add("died", f"exit {number}")
        table.add("lost", f"/log/{number}")
    counted = read(sources.event_table(0))
    assert sum(n for (name, _), n in counted.items() if name == "died") == 300
    assert sum(n for (name, _), n in counted.items() if name == "lost") == 300
    assert counted["died", events.OTHER] > 200
    assert read(sources.event_table(1)) == {}


@pytest.mark.parametrize("label", ["ü" * 64, "a" * 300, "x\0y", ""], ids=ascii)
def test_any_label_is_kept_as_far_as_there_is_room(sources: MetricsSources, label: str) -> None:
    sources.event_table(0).add("check", label)
    ((_, kept),) = read(sources.event_table(0))
    assert kept == label[: len(kept)]
    assert len(kept) >= min(len(label), 64)


def test_without_a_table_nothing_is_counted(sources: MetricsSources) -> None:
    add_event("died", "SIGKILL")
    assert [read(table) for table in sources.event_tables()] == [{}, {}, {}]
