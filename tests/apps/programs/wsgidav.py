"""WsgiDAV: plain WSGI; WebDAV with locks, and a console handler on its own logger."""

from tests.apps.application import HTTP_DATE, Application
from tests.apps.client import Client

ADA = {"Authorization": "Basic YWRhOmh1bnRlcjIy"}
XML = {"Content-Type": "application/xml"}
LOCK = b"""<lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype>
</lockinfo>"""


def ask(client: Client) -> None:
    for method, path, body in (
        ("OPTIONS", "/", None),
        ("PROPFIND", "/:dir_browser", None),
        ("MKCOL", "/health", None),
        ("MKCOL", "/health", None),
        ("PUT", "/health/tea.txt", b"a cup of tea"),
        ("PUT", "/ready", b"no folder, but a file"),
        ("PROPFIND", "/health", None),
        ("PROPFIND", "/ready", None),
        ("GET", "/health/tea.txt", None),
        ("HEAD", "/health/tea.txt", None),
        ("GET", "/", None),
        ("LOCK", "/health/tea.txt", LOCK),
        ("PUT", "/health/tea.txt", b"another cup"),
        ("DELETE", "/ready", None),
        ("PROPFIND", "/nothing", None),
        ("GET", "/nothing", None),
        ("DELETE", "/nothing", None),
        ("PROPFIND", "/", b"<no xml"),
        ("MKCOL", "/a/b/c", None),
        ("POST", "/", b""),
    ):
        client.ask(method, path, body, ADA)
    client.ask("FLY", "/", headers=ADA, errors=1)
    client.get("/health/tea.txt", {**ADA, "Range": "bytes=2-4"})
    client.get("/health/tea.txt", {**ADA, "Range": "bytes=200-400"})
    client.ask("MOVE", "/health/tea.txt", headers={**ADA, "Destination": "http://other.test/tea"})
    client.get("/", envelope="")  # 401, whose page says no more than that


APPLICATION = Application(
    name="wsgidav",
    requirements=("wsgidav>=4.3", "lxml"),
    entry="dav:app",
    files="wsgidav",
    ask=ask,
    varying=(
        r"opaquelocktoken:[\w-]+",
        r"\d{4}-\d\d-\d\dT[\d:]{8}Z",
        HTTP_DATE,
        r"\d+-\d{10}-\d+",  # ETags
        r"\d{4}-\d\d-\d\d [\d:.]{8,15}",
        r"(?<=bytes>)\d+",  # what the disk has left
    ),
)
