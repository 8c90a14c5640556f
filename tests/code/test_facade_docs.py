"""The commands of the façades' and the client's pages are run as they stand, on the embedded bundle."""

from __future__ import annotations

import json
import os
import re
import subprocess

import pytest
from facade_server import on_a_socket
from house import open_house

PAGES = {
    "client.md": ("score",),
    "facade_openai.md": ("moderations",),
    "facade_perspective.md": ("analyze", "suggestscore", "discovery"),
}


@pytest.fixture(scope="module")
def service(tmp_path_factory, root):
    """The embedded bundle, as users have it: its labels are those of the pages."""
    found, close = open_house(tmp_path_factory.mktemp("house"), root / "serving" / "embedded")
    with on_a_socket(found) as url:
        yield {"VIGIE_URL": url, "VIGIE_KEY": found.accounts.create_key("docs", "platform")[1]}
    close()


def commands(page: str) -> list[str]:
    """The commands of the page, one string each, continuation lines included."""
    blocks = re.findall(r"```bash\n(.*?)```", page, re.S)
    return [command for block in blocks for command in re.findall(r"^curl .*?(?=^curl |\Z)", block, re.S | re.M)]


@pytest.mark.parametrize("name", PAGES)
def test_every_command_of_the_page_succeeds(root, service, name):
    found = commands((root / "docs" / name).read_text(encoding="utf-8"))
    assert all(any(route in command for command in found) for route in PAGES[name])
    for command in found:
        done = subprocess.run(
            ["bash", "-ec", command], env=os.environ | service, capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 0, (command.splitlines()[0], done.stdout[-300:], done.stderr[-300:])
        assert "error" not in json.loads(done.stdout)


def test_the_client_s_page_runs_from_top_to_bottom(root, service, monkeypatch, capsys):
    page = (root / "docs" / "client.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    for name, value in service.items():
        monkeypatch.setenv(name, value)
    exec("\n".join(blocks), {})
    said = capsys.readouterr().out
    assert "unknown_label /labels/0" in said
    assert said.startswith("a1 {'haine':")
