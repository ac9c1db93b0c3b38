"""What users of such applications see in their own clients: twine, pip, boto3, Django's admin."""

import json
import zipfile
from pathlib import Path

import pytest

from tests.apps.application import LOGGER, Application, Run
from tests.apps.environments import Environment
from tests.apps.programs import django_project, moto, pypiserver
from tests.support import Server

pytestmark = pytest.mark.apps

WIDE = {"COLUMNS": "1000", "NO_COLOR": "1"}  # it breaks no line in the middle of a sentence
HINT = "You may start server with `--overwrite` option."


def applications(*these: Application) -> pytest.MarkDecorator:
    return pytest.mark.parametrize(
        "application", these, indirect=True, ids=lambda application: application.name
    )


@applications(pypiserver.APPLICATION)
def test_twine_shows_why_a_second_upload_is_refused(
    application: Application, environment: Environment, tmp_path: Path
) -> None:
    wheel = build_wheel(tmp_path)
    with application.serve(environment, tmp_path / "served", *LOGGER) as server:
        upload = twine_upload(server, wheel)
        environment.check("twine", *upload, cwd=tmp_path)
        refused = environment.run("twine", *upload, "--verbose", cwd=tmp_path, env=WIDE)
        assert refused.returncode == 1
        assert HINT in refused.stdout


@applications(pypiserver.APPLICATION)
def test_pip_installs_what_twine_has_uploaded(
    application: Application, environment: Environment, tmp_path: Path
) -> None:
    wheel = build_wheel(tmp_path)
    with application.serve(environment, tmp_path / "served", *LOGGER) as server:
        environment.check("twine", *twine_upload(server, wheel), cwd=tmp_path)
        index = f"http://127.0.0.1:{server.port}/simple/"
        pip = ("-m", "pip", "download", "--isolated", "--index-url", index, "parcel==1.0")
        environment.check("python", *pip, "-d", "downloaded", cwd=tmp_path)
    assert (tmp_path / "downloaded" / wheel.name).read_bytes() == wheel.read_bytes()


@applications(moto.APPLICATION)
def test_boto3_receives_the_same(
    application: Application, environment: Environment, tmp_path: Path
) -> None:
    found = []
    for name, options in (("bare", ()), ("observed", LOGGER)):
        with application.serve(environment, tmp_path / name, *options) as server:
            script = ("use_aws.py", f"http://127.0.0.1:{server.port}")
            found.append(json.loads(environment.check("python", *script, cwd=tmp_path / name)))
    bare, observed = found
    assert observed == bare


@applications(django_project.APPLICATION)
def test_an_administrator_logs_in_to_django(observed: Run) -> None:
    logins = [
        exchange.answer
        for exchange in observed.exchanges
        if exchange.method == "POST" and exchange.path.startswith("/admin/login/")
    ]
    assert [answer.status for answer in logins] == [200, 302]
    assert logins[-1].headers["Location"] == "/admin/"
    assert any(
        exchange.path == "/admin/" and b"Site administration" in exchange.answer.body
        for exchange in observed.exchanges
    )


def twine_upload(server: Server, wheel: Path) -> list[str]:
    url = f"http://127.0.0.1:{server.port}/"
    credentials = ["-u", "ada", "-p", "hunter22", "--non-interactive"]
    return ["upload", "--repository-url", url, *credentials, str(wheel)]


def build_wheel(folder: Path) -> Path:
    """Make the smallest wheel that twine uploads and pip installs."""
    wheel = folder / "parcel-1.0-py3-none-any.whl"
    info = "parcel-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("parcel.py", "")
        archive.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: parcel\nVersion: 1.0\n")
        archive.writestr(
            f"{info}/WHEEL",
            "Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{info}/RECORD", "")
    return wheel
