"""Kinto: Pyramid; logging from its own .ini file, with coloured lines for the console."""

from tests.apps.application import HTTP_DATE, Application
from tests.apps.client import Client

ADA = {"Authorization": "Basic YWRhOmh1bnRlcjIy"}


def ask(client: Client) -> None:
    client.get("/")
    # It looks for its default configuration, and logs at ERROR that there is none.
    client.get("/v1/", errors=1)
    for path in ("/v1/__version__", "/v1/__heartbeat__", "/v1/__lbheartbeat__", "/v1"):
        client.get(path)
    client.ask("OPTIONS", "/v1/buckets", headers={
        "Origin": "http://other.test", "Access-Control-Request-Method": "GET",
    })  # fmt: skip
    client.send_json("PUT", "/v1/accounts/ada", {"data": {"password": "hunter22"}})
    client.send_json("PUT", "/v1/buckets/health", {"data": {}}, ADA)
    records = "/v1/buckets/health/collections/teas/records"
    client.send_json("PUT", "/v1/buckets/health/collections/teas", {"data": {}}, ADA)
    client.send_json("PUT", f"{records}/green", {"data": {"cups": 2}}, ADA)
    client.get(records, ADA)
    client.get(f"{records}/green", ADA)
    client.ask("HEAD", records, headers=ADA)
    client.send_json("PUT", f"{records}/green", {"data": {}}, {**ADA, "If-None-Match": "*"})
    client.get(f"{records}/green", {**ADA, "If-Match": '"7"'})
    client.send_json("PUT", f"{records}/green", {"data": 7}, ADA)
    client.ask("PUT", f"{records}/green", b"{", {**ADA, "Content-Type": "application/json"})
    client.get(f"{records}/black", ADA)
    client.get(records)
    client.ask("PUT", records, b"", ADA)
    client.get("/v1/nowhere", ADA)
    client.send_json("POST", "/v1/batch", {"requests": [{"path": "/v1/"}, {"path": "/v1/sold"}]})
    client.get("/v1/sold", envelope="This item is sold out.")
    client.get("/v1/boom", exc_type="LookupError")


APPLICATION = Application(
    name="kinto",
    requirements=("kinto>=20",),
    entry="app",
    files="kinto",
    ask=ask,
    keeps_console_handler=True,
    varying=(r"\b1\d{12}\b", HTTP_DATE, r"\$2b\$12\$[\w./]+"),
)
