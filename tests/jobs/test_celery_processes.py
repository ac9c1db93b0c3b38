"""Celery's processes: their ends, in the middle of a job too, and how they log."""

from __future__ import annotations

from pathlib import Path
from time import sleep
from typing import Any

import pytest

pytest.importorskip("celery")

from tests.jobs import tasks
from tests.jobs.celery_worker import CELERY, worker
from tests.jobs.working import errors_of, lines_of, request, working
from tests.support import Server


@pytest.mark.slow
def test_a_job_whose_process_is_killed_is_one_error_line_under_the_id(broker: str) -> None:
    with worker(broker) as running:
        request(tasks.die.delay, "killed")
        lines = lines_of(running, "killed", "dying", "signal 9")
        assert [line["exc_type"] for line in errors_of(lines)] == ["WorkerLostError"]
        request(lambda: tasks.ship.delay(1), "next")
        lines_of(running, "next", "succeeded")
        assert len(errors_of(running.records)) == 1


@pytest.mark.slow
def test_a_job_that_exceeds_its_time_limit_is_one_error_line_of_a_group_of_its_own(
    broker: str,
) -> None:
    with worker(broker) as running:
        request(tasks.die.delay, "killed")
        request(tasks.hang.delay, "hanging")
        (killed,) = errors_of(lines_of(running, "killed", "signal 9"))
        (late,) = errors_of(lines_of(running, "hanging", "raised error", "Hard time limit"))
        assert late["exc_type"] == "TimeLimitExceeded"
        assert late["error_id"] != killed["error_id"]


@pytest.mark.slow
def test_a_job_that_is_run_again_since_its_process_died_has_the_id(
    broker: str, tmp_path: Path
) -> None:
    with worker(broker) as running:
        request(lambda: tasks.die_once.delay(str(tmp_path / "died")), "again")
        lines = lines_of(running, "again", "succeeded")
        assert [line["message"] for line in lines].count("late") == 2
        assert [line["exc_type"] for line in errors_of(lines)] == ["WorkerLostError"]


@pytest.mark.slow
def test_a_job_whose_worker_is_killed_leaves_its_beginning_and_is_run_by_another(
    broker: str, tmp_path: Path
) -> None:
    with worker(broker) as first:
        request(lambda: tasks.sleep_once.delay(str(tmp_path / "slept")), "orphan")
        left = lines_of(first, "orphan", "received", "sleeping")
        first.kill()
        assert errors_of(left) == []
    sleep(tasks.VISIBILITY_TIMEOUT_SECONDS + 1)  # until then, Redis keeps the job for the first
    with worker(broker) as second:
        lines = lines_of(second, "orphan", "received", "succeeded")
        assert {line["job_id"] for line in lines} == {line["job_id"] for line in left}


@pytest.mark.slow
def test_each_job_of_beat_has_an_id_of_its_own(broker: str, tmp_path: Path) -> None:
    beat = [*CELERY, "beat", "-s", str(tmp_path / "schedule")]
    with worker(broker) as running, working(*beat, env={"REDIS_URL": broker}) as timer:
        running.wait_for(lambda: len(_of_beat(running)) >= 3)
        assert len({line["request_id"] for line in _of_beat(running)}) >= 3
        assert timer.records


def _of_beat(running: Server) -> list[dict[str, Any]]:
    return [line for line in running.records if line["message"] == "total 4"]


# ---- logging


@pytest.mark.slow
def test_the_environment_says_how_a_worker_logs(broker: str) -> None:
    env = {"WSGI_OBSERVE_LOG_LEVEL": "WARNING", "WSGI_OBSERVE_LOG_FIELDS": "service=jobs"}
    with worker(broker, **env) as running:
        request(tasks.fail.delay, "quiet")
        lines = lines_of(running, "quiet", "raised unexpected")
        assert [(line["level"], line["service"]) for line in lines] == [("ERROR", "jobs")]


@pytest.mark.slow
def test_the_level_of_the_command_counts_and_its_file_is_refused_aloud(
    broker: str, tmp_path: Path
) -> None:
    with worker(broker, "-l", "debug", "-f", str(tmp_path / "celery.log")) as running:
        request(lambda: tasks.ship.delay(1), "loud")
        lines_of(running, "loud", "succeeded")
        assert any(line["level"] == "DEBUG" for line in running.records)
        (warning,) = [line for line in running.records if line["logger"] == "wsgi_observe.celery"]
        assert "--logfile" in warning["message"]


@pytest.mark.slow
def test_a_result_that_cannot_be_stored_is_an_error_under_the_id(broker: str) -> None:
    with worker(broker, RESULT_URL="redis://127.0.0.1:1/0") as running:
        request(lambda: tasks.ship.apply_async([1]), "unstored")
        lines_of(running, "unstored", "shipping 1", "Pool callback raised exception")
        (error,) = errors_of(running.lines_of("unstored"))
        assert (error["exc_type"], len(error["error_id"])) == ("ConnectionError", 12)
