"""pypiserver: Bottle, as a package of its own; error texts for `pip` and `twine`."""

from pathlib import Path

from tests.apps.application import HTTP_DATE, Application
from tests.apps.client import Client
from tests.apps.environments import Environment

WHEEL = "parcel-1.0-py3-none-any.whl"
EXISTS = f"Package '{WHEEL}' already exists!\n  You may start server with `--overwrite` option."


def prepare(environment: Environment, folder: Path) -> None:
    packages = folder / "packages"
    packages.mkdir()
    (packages / "letter-2.0.tar.gz").write_bytes(b"not really" * 1000)


def ask(client: Client) -> None:
    for path in (
        "/", "/simple/", "/simple/letter/", "/simple/Letter", "/packages/", "/letter/json",
        "/packages/letter-2.0.tar.gz", "/letter", "/health",
    ):  # fmt: skip
        client.get(path)
    client.get("/packages/letter-2.0.tar.gz", {"Range": "bytes=10-19"})
    client.ask("HEAD", "/packages/letter-2.0.tar.gz")
    client.ask("HEAD", "/health")
    _upload(client, WHEEL)
    _upload(client, WHEEL, envelope=EXISTS)
    _upload(client, "a b.whl", envelope="Bad filename: a b.whl")
    client.get("/simple/")
    _ask_for_errors(client)


def _ask_for_errors(client: Client) -> None:
    client.get("/simple/nothing/", envelope="Not Found (nothing does not exist)\n\n")
    client.get("/packages/nothing-1.0.tar.gz", envelope="")
    client.get("/favicon.ico", envelope="")
    client.get("/a/b/c/d", envelope="")
    client.ask("PUT", "/simple/", b"", envelope="")
    client.post_form("/", {}, envelope="Missing ':action' field!")
    client.post_form("/", {":action": "fly"}, envelope="Unsupported ':action' field: fly")
    client.post_form(
        "/",
        {":action": "remove_pkg"},
        envelope="Missing 'name'/'version' fields: name=None, version=None",
    )
    client.ask("POST", "/RPC2", b"<no xml", {"Content-Type": "text/xml"}, envelope="")


def _upload(client: Client, filename: str, **expected: str) -> None:
    boundary = "parts"
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name=":action"\r\n\r\nfile_upload\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="content"; filename="{filename}"'
        f"\r\nContent-Type: application/octet-stream\r\n\r\nnot really\r\n--{boundary}--\r\n"
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    client.ask("POST", "/", body.encode(), headers, **expected)


APPLICATION = Application(
    name="pypiserver",
    requirements=("pypiserver>=2.3", "twine>=6"),
    entry=(
        "pypiserver:app(roots=['packages'], password_file='.', authenticate=[],"
        " disable_fallback=True)"
    ),
    prepare=prepare,
    ask=ask,
    varying=(HTTP_DATE,),
    own_probe_paths=("/health",),
)
