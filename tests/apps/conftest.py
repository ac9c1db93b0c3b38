"""The applications, each installed once and run once bare and once observed."""

import os
from pathlib import Path

import pytest

from tests.apps.application import Application, Run, run_bare, run_observed
from tests.apps.environments import Environment, InstallationError, install
from tests.apps.programs import (
    ara,
    devpi,
    django_project,
    flask_migrate,
    httpbin,
    isso,
    kinto,
    moto,
    pypiserver,
    radicale,
    wsgidav,
)

APPLICATIONS = [
    ara.APPLICATION,
    devpi.APPLICATION,
    django_project.APPLICATION,
    flask_migrate.APPLICATION,
    httpbin.APPLICATION,
    isso.APPLICATION,
    kinto.APPLICATION,
    moto.APPLICATION,
    pypiserver.APPLICATION,
    radicale.APPLICATION,
    wsgidav.APPLICATION,
]


@pytest.fixture(scope="module", params=APPLICATIONS, ids=lambda application: application.name)
def application(request: pytest.FixtureRequest) -> Application:
    return request.param


@pytest.fixture(scope="session")
def cache(request: pytest.FixtureRequest) -> Path:
    return request.config.cache.mkdir("apps")


@pytest.fixture(scope="module")
def environment(application: Application, cache: Path) -> Environment:
    """Where the application is installed; without a registry its tests are skipped, but in CI."""
    try:
        return install(application.requirements, cache)
    except InstallationError as error:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def bare(
    application: Application, environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    return run_bare(application, environment, tmp_path_factory.mktemp(application.name) / "bare")


@pytest.fixture(scope="module")
def observed(
    application: Application, environment: Environment, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    folder = tmp_path_factory.mktemp(application.name) / "observed"
    return run_observed(application, environment, folder)
