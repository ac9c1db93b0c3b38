"""Source lines of a traceback: code stays, string literals of sensitive names go."""

import pytest

from wsgi_observe.redaction import Redactor

REDACTOR = Redactor()


def test_code_that_opens_what_it_does_not_close_hides_no_more_than_its_own_line() -> None:
    text = (
        'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    session = [\n'
        '  File "b.py", line 9, in g\n    token = "hunter22\nValueError: no order 7'
    )
    assert REDACTOR.text(text) == (
        'Traceback (most recent call last):\n  File "a.py", line 3, in f\n'
        "    session = [\n"
        '  File "b.py", line 9, in g\n    token = "[REDACTED]\nValueError: no order 7'
    )


@pytest.mark.parametrize(
    ("code", "shown"),
    [
        ("def login(name: str, password: str) -> Token:", None),
        ("token = self.tokens[key]", None),
        ("session = sessions.get(request.cookies)", None),
        ("client = Client(token=settings.TOKEN, secret=secret)", None),
        ("connect(host, password='hunter22')", "connect(host, password='[REDACTED]')"),
        ('API_KEY = b"hunter22"', 'API_KEY = b"[REDACTED]"'),
        ("dsn = 'pg://u:hunter22@db'", "dsn = 'pg://u:[REDACTED]@db'"),
        ("fail('no; password=hunter22')", "fail('no; password=[REDACTED]')"),
        ('get("it\\"s", "/a?token=hunter22")', 'get("it\\"s", "/a?token=[REDACTED]")'),
        ('fail(f"no; password={password}")', None),
        ('return f"{get(token=tokens[0])}"', None),
        ("f\"{get(token='hunter22')} {x}\"", "f\"{get(token='[REDACTED]')} {x}\""),
        ('headers = {"Authorization": f"Bearer {self.token}"}', None),
        ('get(f"/a?token=hunter22&b={b}")', 'get(f"/a?token=[REDACTED]&b={b}")'),
        ("log.info('token=%s, secret=%(secret)s', token)", None),
        ("{'token': token, \"secret\": secret}", None),
    ],
)
def test_a_line_of_source_is_code_of_which_only_a_literal_can_be_a_secret(
    code: str, shown: str | None
) -> None:
    text = (
        f'Traceback (most recent call last):\n  File "a.py", line 3, in f\n    {code}\nKeyError: 7'
    )
    assert REDACTOR.text(text) == text.replace(code, shown or code)


def test_a_frame_that_is_met_again_is_told_as_at_first_by_each_redactor() -> None:
    frame = '  File "a.py", line 3, in f\n    {}\nValueError: no'
    secret, tenant = frame.format('token = "abc"'), frame.format('tenant = "abc"')
    other = Redactor(add=["tenant"], keep=["token"])
    for _ in range(2):
        assert REDACTOR.text(secret) == frame.format('token = "[REDACTED]"')
        assert REDACTOR.text(tenant) == tenant
        assert other.text(secret) == secret
        assert other.text(tenant) == frame.format('tenant = "[REDACTED]"')


def test_only_frames_of_a_usual_length_are_remembered() -> None:
    redactor = Redactor()
    for code in ("one", "x" * 2000):
        redactor.text(f'  File "remembered.py", line 3, in f\n    {code}\nValueError: a=b')
    assert len(redactor._names.redacted_frames) == 1
