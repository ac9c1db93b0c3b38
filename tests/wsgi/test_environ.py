"""What an environ says of its request, as text that is safe to print."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wsgi_observe.wsgi.environ import add_request_fields, printable, request_line, request_path


@pytest.mark.parametrize(
    ("script", "path", "seen"),
    [
        pytest.param("", "/orders", "/orders", id="plain"),
        pytest.param("/api", "/orders", "/api/orders", id="mounted"),
        pytest.param("/api", "", "/api", id="the mount point itself"),
        pytest.param("", "", "", id="empty"),
        pytest.param("", "/a b", "/a b", id="a space"),
        pytest.param("", "/a\nb", "/a%0Ab", id="a newline"),
        pytest.param("", "/a\r\nb", "/a%0D%0Ab", id="CR LF"),
        pytest.param("", "/\x1b[31m", "/%1B[31m", id="an escape"),
        pytest.param("", "/caf\xc3\xa9", "/café", id="UTF-8 as servers hand it over"),
        pytest.param("", "/\xe2\x80\xa8", "/%E2%80%A8", id="a line separator"),
        pytest.param("", "/\xc2\x9b", "/%C2%9B", id="a C1 control character"),
        pytest.param("", "/\xe2\x80\xae", "/%E2%80%AE", id="a right-to-left override"),
    ],
)
def test_the_path_is_the_one_that_the_client_sees(script: str, path: str, seen: str) -> None:
    assert request_path({"SCRIPT_NAME": script, "PATH_INFO": path}) == seen


@given(st.text())
def test_what_is_printable_is_kept_and_the_rest_encoded(text: str) -> None:
    shown = printable(text)
    assert shown.isprintable()
    assert len(shown.splitlines()) <= 1
    assert (shown == text) == text.isprintable()


@given(st.text(), st.text(), st.text(), st.text())
def test_no_environ_breaks_its_line(method: str, script: str, path: str, peer: str) -> None:
    made = {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": script,
        "PATH_INFO": path,
        "REMOTE_ADDR": peer,
    }
    assert request_line(made).isprintable()
    line: dict[str, object] = {}
    add_request_fields(line, made)
    for value in line.values():
        assert str(value).isprintable()
        str(value).encode()


def test_an_empty_environ_has_empty_fields() -> None:
    line: dict[str, object] = {}
    add_request_fields(line, {})
    assert line == {"method": "", "path": "", "remote_addr": ""}
