"""httpbin: Flask; bodies, codings, ranges, streams and statuses of every kind."""

from tests.apps.application import HTTP_DATE, Application
from tests.apps.client import Client

BASIC = {"Authorization": "Basic dXNlcjpvcGVu"}


def ask(client: Client) -> None:
    _ask_for_bodies(client)
    _ask_for_caching(client)
    _ask_with_methods(client)
    _ask_for_errors(client)


def _ask_for_bodies(client: Client) -> None:
    for path in (
        "/", "/html", "/xml", "/json", "/robots.txt", "/image/png", "/encoding/utf8",
        "/get?a=1&a=2&b=%C3%A4", "/headers", "/user-agent", "/ip", "/uuid",
        "/gzip", "/deflate", "/brotli", "/bytes/2000?seed=1", "/base64/SFRUUEJJTg%3D%3D",
        "/stream/5", "/stream-bytes/5000?seed=1&chunk_size=700", "/drip?numbytes=3&duration=0",
        "/links/3/0", "/delay/0", "/cookies", "/cookies/set?taste=sweet", "/cookies",
        "/redirect/2", "/absolute-redirect/1", "/redirect-to?url=/get&status_code=307",
        "/response-headers?X-Own=1&X-Own=2", "/static/favicon.ico",
    ):  # fmt: skip
        client.get(path)


def _ask_for_caching(client: Client) -> None:
    client.get("/range/1024")
    client.get("/range/1024", {"Range": "bytes=100-199"})
    client.get("/range/1024", {"Range": "bytes=2000-3000"}, envelope="")
    client.get("/etag/one")
    client.get("/etag/one", {"If-None-Match": "one"})
    client.get("/etag/one", {"If-Match": "two"}, envelope="")
    client.get("/cache")
    client.get("/cache", {"If-Modified-Since": "Sat, 01 Jan 2022 00:00:00 GMT"})
    client.get("/cache/60")


def _ask_with_methods(client: Client) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        client.send_json(method, f"/{method.lower()}", {"text": "ä", "number": 1})
    client.post_form("/post", {"a": "1", "b": "two words"})
    client.ask("POST", "/post", b"\x00\xff" * 5000, {"Content-Type": "application/octet-stream"})
    client.ask("HEAD", "/get")
    client.ask("HEAD", "/image/png")
    client.ask("HEAD", "/status/503", envelope="")
    client.ask("OPTIONS", "/get")
    client.ask("TRACE", "/anything")
    client.ask("OPTIONS", "/get", headers={"Origin": "http://other.test"})


def _ask_for_errors(client: Client) -> None:
    for status in (400, 403, 404, 405, 409, 410, 429, 500, 502, 503, 504):
        client.get(f"/status/{status}", envelope="")
    client.get("/status/401", envelope="")
    client.get("/status/402")  # "Fuck you, pay me!"
    client.get("/status/406")  # a document that names the media types there are
    client.get("/status/418")  # a teapot, drawn
    client.get("/status/204")
    client.get("/status/304")
    client.get("/status/abc")  # "Invalid status code"
    client.get("/stream-bytes/9?seed=much", envelope="", exc_type="ValueError")
    client.get("/nowhere", envelope="")
    client.ask("POST", "/get", b"", envelope="")
    client.get("/image", {"Accept": "text/plain"})
    client.get("/basic-auth/user/open", envelope="")
    client.get("/basic-auth/user/open", BASIC)
    client.get("/hidden-basic-auth/user/open", envelope="")
    client.get("/bearer", envelope="")
    client.get("/bearer", {"Authorization": "Bearer hunter22"})


APPLICATION = Application(
    name="httpbin",
    requirements=("httpbin>=0.10",),
    entry="httpbin:app",
    ask=ask,
    varying=(
        r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",  # UUIDs
        r"[0-9a-f]{32}",
        HTTP_DATE,
        r"(?s)(?<=\x1f\x8b\x08\x00)....",  # gzip's time
    ),
)
