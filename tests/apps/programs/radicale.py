"""Radicale: CalDAV in plain WSGI; methods of WebDAV, and its own handler on the root logger."""

import json
from pathlib import Path

from tests.apps.application import HTTP_DATE, Application
from tests.apps.client import Client
from tests.apps.environments import Environment

CONFIG = """
[auth]
type = none
[rights]
type = owner_only
[storage]
filesystem_folder = {folder}
"""
EVENT = b"""BEGIN:VCALENDAR\r
VERSION:2.0\r
PRODID:-//apps//test//EN\r
BEGIN:VEVENT\r
UID:one\r
DTSTAMP:20260101T000000Z\r
DTSTART:20260101T100000Z\r
SUMMARY:Tea\r
END:VEVENT\r
END:VCALENDAR\r
"""
ADA = {"Authorization": "Basic YWRhOmh1bnRlcjIy"}
CALENDAR = b"""<mkcalendar xmlns="urn:ietf:params:xml:ns:caldav" xmlns:D="DAV:">
<D:set><D:prop><D:displayname>Tea</D:displayname></D:prop></D:set></mkcalendar>"""
QUERY = b"""<calendar-query xmlns="urn:ietf:params:xml:ns:caldav" xmlns:D="DAV:">
<D:prop><D:getetag/></D:prop><filter><comp-filter name="VCALENDAR"/></filter></calendar-query>"""


def prepare(environment: Environment, folder: Path) -> None:
    (folder / "radicale.ini").write_text(CONFIG.format(folder=folder / "collections"))
    broken = folder / "collections" / "collection-root" / "ada" / "broken"
    broken.mkdir(parents=True)
    (broken / ".Radicale.props").write_text(json.dumps({"tag": "VCALENDAR"}) + "broken")


def ask(client: Client) -> None:
    client.get("/")
    client.get("/.web/")
    client.get("/.well-known/caldav")
    for method, path, body in (
        ("OPTIONS", "/", None),
        ("PROPFIND", "/", b""),
        ("MKCALENDAR", "/ada/health/", CALENDAR),
        ("PUT", "/ada/health/one.ics", EVENT),
        ("GET", "/ada/health/one.ics", None),
        ("HEAD", "/ada/health/one.ics", None),
        ("GET", "/ada/health/", None),
        ("PROPFIND", "/ada/health/", b""),
        ("REPORT", "/ada/health/", QUERY),
        ("REPORT", "/ada/health/", b"<no xml"),
        ("MKCALENDAR", "/ada/health/", CALENDAR),
        ("PUT", "/ada/health/two.ics", b"no calendar"),
        ("GET", "/ada/health/nothing.ics", None),
        ("GET", "/eve/", None),
        ("DELETE", "/ada/health/one.ics", None),
        ("LOCK", "/ada/", None),
        ("FLY", "/ada/", None),
        ("PUT", "/health", EVENT),
        ("PROPFIND", "/health", b""),
        ("DELETE", "/ready", None),
    ):
        client.ask(method, path, body, ADA)
    # It logs the exception, the traceback and the response status, each as a line of its own.
    client.ask("PROPFIND", "/ada/broken/", b"", ADA, errors=3)


APPLICATION = Application(
    name="radicale",
    requirements=("radicale>=3.5",),
    entry="radicale",
    prepare=prepare,
    ask=ask,
    env={"RADICALE_CONFIG": "{folder}/radicale.ini"},
    varying=(HTTP_DATE, r"[0-9a-f]{64}"),
)
