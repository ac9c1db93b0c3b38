"""What differs between the bare and the observed run of an application, beyond the contract."""

import re
from collections import defaultdict
from collections.abc import Iterator

from tests.apps.client import Exchange
from tests.support import Answer, strict_json

OF_THE_SERVER = {"date", "server"}
OF_THE_BODY = {
    "content-length", "content-type", "content-encoding", "content-language", "transfer-encoding",
}  # fmt: skip
EXPOSED = "access-control-expose-headers"
COOKIE = (r"^([^=;]+)=[^;]*", r"\1=*")
EXPIRES = (r"(?i)expires=[^;]*", "expires=*")

Headers = list[tuple[str, str]]


def differences(
    bare: list[Exchange], observed: list[Exchange], varying: tuple[str, ...]
) -> dict[str, list[str]]:
    """Return each difference, and the exchanges that have it.

    :param varying: regular expressions for what is different in each run, such as tokens.
    """
    assert [(one.method, one.path) for one in bare] == [(one.method, one.path) for one in observed]
    found = defaultdict(list)
    for one, other in zip(bare, observed, strict=True):
        for difference in _of_exchange(one, other, varying):
            found[difference].append(str(one))
    return found


def _of_exchange(bare: Exchange, observed: Exchange, varying: tuple[str, ...]) -> Iterator[str]:
    if (bare.answer.status, bare.is_broken) != (observed.answer.status, observed.is_broken):
        yield f"became {observed}{' (broken)' * observed.is_broken}: {observed.answer.body[:300]!r}"
        return
    is_replaced = bare.expected.envelope is not None
    before = _expected_headers(bare, varying, is_replaced)
    after = _headers(observed.answer, varying, OF_THE_BODY if is_replaced else set())
    if before != after:
        yield f"headers lost {_minus(before, after)}, gained {_minus(after, before)}"
    if is_replaced:
        yield from _of_envelope(observed)
    elif (before := _body(bare, varying)) != (after := _body(observed, varying)):
        start = max(0, _first_difference(before, after) - 60)
        yield f"body was {before[start:][:300]!r}, became {after[start:][:300]!r}"


def _of_envelope(observed: Exchange) -> Iterator[str]:
    """Yield what the replaced response lacks to be the error envelope."""
    answer, wanted = observed.answer, observed.expected.envelope
    if observed.method == "HEAD":
        return  # without the body nobody knows whether a GET would be replaced
    if answer.headers["Content-Type"] != "application/json":
        yield f"no envelope but {answer.headers['Content-Type']}: {answer.body[:300]!r}"
        return
    document = strict_json(answer.body)
    if document.keys() != {"code", "name", "description", "request_id"}:
        yield f"no envelope but {document}"
    elif (document["code"], document["request_id"]) != (answer.status, observed.request_id):
        yield f"an envelope of another response: {document}"
    elif not _is_description(document["description"], wanted):
        yield f"described as {document['description']!r}, not {wanted!r}"


def _is_description(text: str, wanted: str | None) -> bool:
    """Whether it is the wanted one, apart from white space, where one is wanted."""
    return bool(text) and (not wanted or text.split() == wanted.split())


def _expected_headers(bare: Exchange, varying: tuple[str, ...], is_replaced: bool) -> Headers:
    """Return the bare response's headers with what the contract adds and takes."""
    headers = _headers(bare.answer, varying, OF_THE_BODY if is_replaced else set())
    added = [("x-request-id", bare.request_id)]
    if "Access-Control-Allow-Origin" in bare.answer.headers:
        added.append((EXPOSED, "X-Request-ID"))
    return sorted(headers + added)


def _headers(answer: Answer, varying: tuple[str, ...], without: set[str]) -> Headers:
    headers = [(name.lower(), value) for name, value in answer.headers.items()]
    return sorted(
        (name, _header_value(name, part, answer, varying))
        for name, value in headers
        if name not in OF_THE_SERVER | without
        for part in (re.split(r",\s*", value) if name == EXPOSED else [value])
    )


def _header_value(name: str, value: str, answer: Answer, varying: tuple[str, ...]) -> str:
    if name == "content-length" and value == str(len(answer.body)):
        return "that of the body"  # which is compared itself, and may vary
    if name == "set-cookie":
        value = re.sub(*COOKIE, re.sub(*EXPIRES, value))
    return _normalised(value, varying)


def _body(exchange: Exchange, varying: tuple[str, ...]) -> str:
    return _normalised(exchange.answer.body.decode("latin-1"), varying)


def _normalised(text: str, varying: tuple[str, ...]) -> str:
    for pattern in varying:
        text = re.sub(pattern, "*", text)
    return text


def _first_difference(before: str, after: str) -> int:
    pairs = enumerate(zip(before, after, strict=False))
    return next((index for index, (one, other) in pairs if one != other), len(before))


def _minus(some: Headers, others: Headers) -> Headers:
    left = list(others)
    return [pair for pair in some if pair not in left or left.remove(pair)]
