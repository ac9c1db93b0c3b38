"""Reading of a folder: what is not valid costs one warning, and nothing is read outside."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.doctor.deployment.deployments import (
    COMPOSED,
    CONFIG,
    DOCKERFILE,
    ECS,
    KUBERNETES,
    MANIFEST,
    SYSTEMD,
    faults_of,
    write,
)
from wsgi_observe.doctor.answer import Result
from wsgi_observe.doctor.deployment import check_deployment, readers

DEPLOYED = {**KUBERNETES, **COMPOSED, **ECS, **SYSTEMD}
BROKEN_SHELL = DOCKERFILE.replace('["gunicorn"', "gunicorn")


@pytest.mark.parametrize(
    ("name", "content", "line"),
    [
        pytest.param("k8s.yaml", b"apiVersion: v1\nkind: Pod\na: [", 3, id="YAML without an end"),
        pytest.param("k8s.yaml", b"apiVersion: v1\na:\n\t- b\n", 3, id="tabs"),
        pytest.param("k8s.yaml", b"apiVersion: v1\na: \x01\n", 2, id="a control character"),
        pytest.param("k8s.yaml", b"apiVersion: v1\na: *b\n", 2, id="an unknown alias"),
        pytest.param("k8s.yaml", b"apiVersion: v1\na: " + b"[" * 5000, 2, id="a deep nest"),
        pytest.param("compose.yml", b"services:\n  a: b: c\n", 2, id="a colon too many"),
        pytest.param("task.json", b'{"containerDefinitions": [\n{,}]}', 2, id="JSON"),
        pytest.param("task.json", b'{"containerDefinitions":\n' + b"[" * 9999, 1, id="deep JSON"),
        pytest.param("Dockerfile", b"FROM a\nENV b=\xff\n", 2, id="another encoding"),
        pytest.param("Procfile", b"web: \0", None, id="a binary file"),
    ],
)
def test_a_file_that_is_not_valid_costs_one_warning(
    name: str, content: bytes, line: int | None, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    where = f"{name}:{line}" if line else name
    assert faults_of(tmp_path, {}) == [(25, where, True)]


def test_a_config_that_is_not_python_costs_one_warning(tmp_path: Path) -> None:
    files = {**KUBERNETES, "gunicorn.conf.py": "bind = '0.0.0.0:8000'\nkeepalive =\n"}
    assert faults_of(tmp_path, files) == [(25, "gunicorn.conf.py:2", True)]


def test_a_config_is_read_though_python_warns_of_it(tmp_path: Path) -> None:
    config = f'{CONFIG}access_log_format = "\\d"\n'
    assert faults_of(tmp_path, {**KUBERNETES, "gunicorn.conf.py": config}) == []


def test_a_bomb_of_aliases_is_read_in_no_time(tmp_path: Path) -> None:
    bomb = "apiVersion: v1\nkind: Deployment\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 30)
    )
    loop = "apiVersion: v1\nkind: List\nitems: &i\n  - {apiVersion: v1, kind: List, items: *i}\n"
    assert faults_of(tmp_path, {"bomb.yaml": bomb, "loop.yaml": loop}) == []


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({"a.yaml": "\n" * 200_000}, id="empty lines"),
        pytest.param({"a.service": "[Service]\nExecStart=x" + "\\\n" * 200_000}, id="continued"),
        pytest.param({"nginx.conf": "proxy_pass " + '"\\' * 100_000}, id="quotes of nginx"),
        pytest.param(
            {"Dockerfile": 'FROM a\nCMD ["./run.sh"]\n', "run.sh": "./run.sh\n" * 30},
            id="a script that runs itself",
        ),
    ],
)
def test_a_text_that_would_take_for_ever_is_read_in_no_time(
    files: dict[str, str], tmp_path: Path
) -> None:
    assert faults_of(tmp_path, files) == []


def test_helm_templates_are_skipped_with_a_note(tmp_path: Path) -> None:
    template = MANIFEST.replace("shop:1.2", "{{ .Values.image }}").replace(
        "          ports:\n", "          {{- toYaml .Values.ports | nindent 10 }}\n"
    )
    write(tmp_path, {"chart/Chart.yaml": "name: shop\n", "chart/templates/shop.yaml": template})
    *_, answer = check_deployment(tmp_path)
    assert answer.result is Result.SKIP
    assert "chart/templates/shop.yaml: templates" in answer.seen


def test_without_pyyaml_yaml_is_skipped_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "HAS_YAML", False)
    *questions, answer = check_deployment(write(tmp_path, KUBERNETES))
    assert answer.result is Result.SKIP
    assert "pip install" in answer.seen
    assert {question.result for question in questions} <= {Result.PASS, Result.SKIP}


@pytest.mark.parametrize("folder", [".git", "node_modules", "venv/lib/site-packages", "a/" * 12])
def test_what_is_not_deployed_is_not_read(folder: str, tmp_path: Path) -> None:
    assert faults_of(tmp_path, {f"{folder}/Dockerfile": BROKEN_SHELL}) == []


def test_nothing_outside_the_folder_is_read(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"Dockerfile": BROKEN_SHELL})
    inside = write(tmp_path / "inside", {"compose.yaml": "services: {web: {build: ../outside}}"})
    (inside / "Dockerfile").symlink_to(outside / "Dockerfile")
    (inside / "linked").symlink_to(outside, target_is_directory=True)
    os.mkfifo(inside / "Procfile")
    assert faults_of(inside, {}) == []


def test_a_virtual_environment_of_any_name_is_not_read(tmp_path: Path) -> None:
    files = {"env3/pyvenv.cfg": "home = /usr\n", "env3/share/Dockerfile": BROKEN_SHELL}
    assert faults_of(tmp_path, files) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may enter every folder")
@pytest.mark.parametrize("mode", [0o000, 0o400], ids=["not to be listed", "only to be listed"])
def test_a_folder_that_may_not_be_entered_is_left_out(mode: int, tmp_path: Path) -> None:
    write(tmp_path, {"locked/Dockerfile": BROKEN_SHELL})
    (tmp_path / "locked").chmod(mode)
    assert all(number == 25 for number, _, _ in faults_of(tmp_path, {}))


def test_a_file_that_is_too_large_is_left_out(tmp_path: Path) -> None:
    assert faults_of(tmp_path, {"Dockerfile": BROKEN_SHELL + "#" * 600_000}) == []


names = st.sampled_from(sorted(DEPLOYED))
parts = st.one_of(
    st.text(max_size=8),
    st.sampled_from([*"\n\\\"'{}[]:;#&*<>|$ \t", "<<EOF\n", "&a ", "*a", "---\n", "${X", "\\\n"]),
)


@settings(max_examples=25, deadline=None)
@given(name=names, start=st.integers(0, 3000), length=st.integers(0, 40), part=parts)
def test_no_damage_to_a_file_is_a_crash(
    name: str, start: int, length: int, part: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    text = DEPLOYED[name]
    start %= len(text)
    damaged = (text[:start] + part + text[start + length :]).encode("utf-8", "surrogatepass")
    folder = write(tmp_path_factory.mktemp("damaged"), DEPLOYED)
    (folder / name).write_bytes(damaged)
    answers = check_deployment(folder)
    assert [answer.number for answer in answers] == list(range(13, 26))
    assert all(fault.seen and fault.remedy for answer in answers for fault in answer.faults)
