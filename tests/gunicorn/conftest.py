"""The oldest Gunicorn that is supported, beside the one that is installed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.gunicorn.serving import ROOT


@pytest.fixture(scope="session")
def oldest_gunicorn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which Python finds the Gunicorn that pyproject.toml has as the oldest."""
    (wanted,) = re.findall(r'^gunicorn = \["gunicorn>=([\d.]+)"\]', _pyproject(), re.M)
    place = tmp_path_factory.mktemp("oldest")
    command = [*(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target")]
    done = subprocess.run(
        [*command, str(place), f"gunicorn=={wanted}"], capture_output=True, text=True, timeout=120
    )
    if done.returncode and os.environ.get("CI") != "true":
        pytest.skip(f"Gunicorn {wanted} cannot be had here: {done.stderr.strip()[-200:]}")
    assert done.returncode == 0, done.stderr
    return {"PYTHONPATH": f"{place}{os.pathsep}{ROOT}"}


def _pyproject() -> str:
    return (Path(ROOT) / "pyproject.toml").read_text(encoding="utf-8")
