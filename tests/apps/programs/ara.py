"""ara: a Django application with a `LOGGING` of its own, its admin, a REST API and pages."""

from pathlib import Path

from tests.apps.application import HTTP_DATE, Application
from tests.apps.client import HOST, Client
from tests.apps.environments import Environment

ENV = {
    "ARA_BASE_DIR": "{folder}",
    "ARA_ALLOWED_HOSTS": f"['{HOST}']",
    "ARA_SECRET_KEY": "not generated, or ara would print that it has done so",
    "ARA_TIME_ZONE": "UTC",
}


def prepare(environment: Environment, folder: Path) -> None:
    env = {name: value.format(folder=folder) for name, value in ENV.items()}
    environment.check("ara-manage", "migrate", cwd=folder, env=env)


def ask(client: Client) -> None:
    playbook = {"ansible_version": "2.17", "status": "running", "path": "/site.yml"}
    client.send_json("POST", "/api/v1/playbooks", playbook | {"started": "2026-01-01T00:00:00Z"})
    for path in (
        "/", "/robots.txt", "/hosts", "/tasks", "/playbooks/1.html", "/healthcheck/", "/api/",
        "/api/v1/", "/api/v1/playbooks", "/api/v1/playbooks/1", "/api/v1/playbooks?format=api",
        "/static/admin/css/base.css", "/admin/", "/admin/login/?next=/admin/",
    ):  # fmt: skip
        client.get(path)
    client.ask("HEAD", "/")
    client.ask("OPTIONS", "/api/v1/playbooks")
    client.send_json("PATCH", "/api/v1/playbooks/1", {"status": "completed", "name": "site"})
    client.send_json("POST", "/api/v1/hosts", {"name": "db", "playbook": 1})
    client.send_json("POST", "/api/v1/hosts", {"name": "db"})
    client.send_json("PATCH", "/api/v1/playbooks/1", {"status": "lost"})
    client.ask("POST", "/api/v1/hosts", b"{", {"Content-Type": "application/json"})
    client.ask("PUT", "/api/v1/", b"")
    client.get("/api/v1/hosts/99")
    client.get("/playbooks/99.html")
    client.get("/nowhere", envelope="")
    client.get("/", {"Host": "evil.test"}, envelope="", errors=1, exc_type="DisallowedHost")
    client.ask("DELETE", "/api/v1/playbooks/1")
    client.get("/?order=nothing")
    client.get("/api/v1/playbooks?order=nothing")
    client.get("/api/v1/playbooks?limit=x&offset=y")
    client.get("/api/v1/playbooks?started_after=x")
    client.get("/api/v1/playbooks/99999999999999999999999")
    client.get("/playbooks/99999999999999999999999.html")


APPLICATION = Application(
    name="ara",
    requirements=("ara[server]>=1.7",),
    entry="ara.server.wsgi",
    prepare=prepare,
    ask=ask,
    env=ENV,
    varying=(
        r'(?<=name="csrfmiddlewaretoken" value=")\w+',
        r'(?<="csrfToken": ")\w+',
        r"\d{4}-\d\d-\d\dT[\d:.]{8,15}",
        r"Generated at [^<]+|[\d.]+&#x202F;s",  # when its checks ran, and how long
        HTTP_DATE,
    ),
)
