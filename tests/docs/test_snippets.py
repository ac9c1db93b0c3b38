"""Each Python block of the documentation is executed, those of a page in one process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import PAGES, ROOT, blocks
from tests.fork_server import fork_server
from tests.support import PATIENCE

# WebOb and Pyramid use what Python deprecates.
RUN = """
import warnings
warnings.simplefilter("error")
for message in ("'cgi' is deprecated", "pkg_resources is deprecated", "Deprecated call to"):
    warnings.filterwarnings("ignore", message)
from tests.docs.run_page import main
main()
"""
WITH_SNIPPETS = [page for page in PAGES if blocks(page, "python")]


@pytest.mark.parametrize("page", WITH_SNIPPETS)
def test_the_python_blocks_of_a_page_run(page: str, tmp_path: Path) -> None:
    shutil.copy(ROOT / "tests" / "docs" / "shop.py", tmp_path)
    if "mysite" in PAGES[page]:
        made = [sys.executable, "-m", "django", "startproject", "mysite", str(tmp_path)]
        subprocess.run(made, check=True, timeout=PATIENCE)
    (tmp_path / "blocks.json").write_text(json.dumps(blocks(page, "python")))
    process = fork_server().run(RUN, "blocks.json", cwd=tmp_path, timeout=PATIENCE * 2)
    assert process.returncode == 0, process.stdout + process.stderr


def test_no_block_is_python_by_another_name() -> None:
    assert [
        page for page in PAGES for name in ("py", "python3", "pycon") if blocks(page, name)
    ] == []
