"""capture_uncaught: what no request stands behind is one line, and whoever listened still does."""

import pytest

from tests.logs.writers import run, whole


def records_of(program: str, **options) -> list[dict[str, object]]:
    done = run("configure_logging(log_format='json')\n" + program, **options)
    assert done.stderr == b""
    return whole(done.stdout.splitlines(keepends=True))


def test_an_exception_that_ends_the_program_is_one_line() -> None:
    program = """
import atexit
atexit.register(lambda: os._exit(0))
raise KeyError("x")
"""
    (line,) = records_of(program)
    assert (line["level"], line["exc_type"]) == ("CRITICAL", "KeyError")
    assert line["logger"] == "wsgi_observe.uncaught"
    assert str(line["exc_info"]).endswith("KeyError: 'x'")


def test_an_exception_that_ends_a_thread_has_the_id_of_its_job() -> None:
    program = """
def work():
    with log_context("mine"):
        raise KeyError("x")
thread = threading.Thread(target=work, name="worker")
thread.start()
thread.join()
"""
    (line,) = records_of(program)
    assert (line["level"], line["exc_type"], line["request_id"]) == ("ERROR", "KeyError", "mine")
    assert line["thread_name"] == "worker"


@pytest.mark.parametrize("opened", ["log_context('mine')", "request('mine')"], ids=str)
def test_an_exception_that_ends_a_thread_has_the_id_that_it_was_started_under(opened: str) -> None:
    program = f"""
from contextlib import contextmanager
from wsgi_observe import RequestID
@contextmanager
def request(found):
    environ = {{"HTTP_X_REQUEST_ID": found, "PATH_INFO": "/", "REQUEST_METHOD": "GET"}}
    def app(environ, start_response):
        start_response("200 OK", [])
        return iter([b""])
    body = RequestID(app)(environ, lambda *start: None)
    yield
    list(body)
    body.close()
gate = threading.Event()
def work():
    gate.wait()
    raise KeyError("x")
with {opened}:
    thread = threading.Thread(target=work)
    thread.start()
gate.set()
thread.join()
other = threading.Thread(target=work)
other.start()
other.join()
"""
    first, second = records_of(program)
    assert (first["level"], first["exc_type"], first["request_id"]) == ("ERROR", "KeyError", "mine")
    assert "request_id" not in second


def test_the_lines_of_a_pools_thread_have_no_id_of_who_started_it() -> None:
    program = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(1) as pool:
    with log_context("first"):
        pool.submit(log.info, "within").result()
    pool.submit(log.info, "after").result()
    with log_context("second"):
        def work():
            with log_context("second"): log.info("given")
        pool.submit(work).result()
"""
    found = {record["message"]: record.get("request_id") for record in records_of(program)}
    assert found == {"within": None, "after": None, "given": "second"}


def test_who_wraps_our_note_of_a_threads_start_is_left_in_place() -> None:
    run(
        """
        from functools import wraps
        stock = threading.Thread.start
        configure_logging()
        configure_logging()
        ours = threading.Thread.start
        assert ours.__wrapped__ is stock
        @wraps(ours)
        def theirs(self): return ours(self)
        threading.Thread.start = theirs
        configure_logging(capture_uncaught=False)
        assert threading.Thread.start is theirs
        threading.Thread.start = ours
        configure_logging(capture_uncaught=False)
        assert threading.Thread.start is stock
        """
    )


def test_an_exception_that_nobody_can_catch_is_one_line() -> None:
    program = """
class Odd:
    def __del__(self): raise KeyError("x")
Odd()
"""
    (line,) = records_of(program)
    assert (line["level"], line["exc_type"]) == ("ERROR", "KeyError")


def test_a_warning_is_one_line_where_the_app_has_logging_capture_warnings() -> None:
    program = """
import logging, warnings
logging.captureWarnings(True)
configure_logging(log_format="json")
warnings.warn("old")
"""
    (line,) = records_of(program)
    assert (line["logger"], line["message"]) == ("py.warnings", "UserWarning: old")


def test_a_warning_is_one_line() -> None:
    (line,) = records_of("import warnings\nwarnings.warn('old\\nand odd')")
    assert (line["level"], line["logger"]) == ("WARNING", "py.warnings")
    assert line["message"] == "UserWarning: old\nand odd"


@pytest.mark.parametrize(
    ("hook", "cause"),
    [
        ("sys.excepthook", "sys.excepthook(KeyError, KeyError('x'), None)"),
        (
            "threading.excepthook",
            "t = threading.Thread(target=lambda: {}['x']); t.start(); t.join()",
        ),
        ("warnings.showwarning", "warnings.warn('old')"),
    ],
    ids=["excepthook", "threading", "warnings"],
)
def test_who_listened_before_still_hears_of_it(hook: str, cause: str) -> None:
    done = run(
        f"""
        import warnings
        heard = []
        {hook} = lambda *arguments, **keywords: heard.append(arguments)
        configure_logging(log_format="json")
        configure_logging(log_format="json")
        {cause}
        assert len(heard) == 1, heard
        """
    )
    assert len(whole(done.stdout.splitlines(keepends=True))) == 1


def test_it_can_be_taken_off_again() -> None:
    run(
        """
        import warnings
        before = sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning
        configure_logging()
        configure_logging(capture_uncaught=False)
        now = sys.excepthook, threading.excepthook, sys.unraisablehook, warnings.showwarning
        assert now == before
        """
    )


def test_ctrl_c_is_no_failure() -> None:
    done = run(
        """
        configure_logging(log_format="json")
        sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
        """
    )
    assert done.stdout == b""


@pytest.mark.parametrize(
    ("error", "lines"),
    [
        pytest.param("OSError('write error')", 0, id="a lost client"),
        pytest.param("KeyError('x')", 1, id="another one"),
    ],
)
def test_uwsgi_telling_during_a_request_that_it_lost_the_client_is_no_failure(
    error: str, lines: int
) -> None:
    program = f"""
from wsgi_observe import observe
def app(environ, start_response):
    start_response("200 OK", [])
    sys.excepthook({error}.__class__, {error}, None)
    return []
observe(app, access_log=False)({{}}, lambda *_: None).close()
"""
    assert len(records_of(program)) == lines
