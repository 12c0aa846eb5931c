"""The pages are true: tables come from results, links and commands exist, the site builds."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import imfuse
from imfuse.cli.app import app
from imfuse.registry import method_names

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_tables_are_what_the_benchmarks_measured():
    command = [sys.executable, str(ROOT / "benchmarks" / "tables.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_pages_exist(page):
    commands = {c.name or c.callback.__name__ for c in app.registered_commands}
    commands |= {group.name for group in app.registered_groups}
    for command in re.findall(r"^ {4}imfuse (\w+)", page.read_text(), re.MULTILINE):
        assert command in commands


def test_every_method_is_explained():
    text = (ROOT / "docs" / "methods.md").read_text()
    assert all(f"`{name}`" in text for name in method_names())


def test_every_public_name_is_in_the_api_reference():
    text = (ROOT / "docs" / "api" / "use.md").read_text()
    shown = set(re.findall(r"^::: imfuse\.(\w+)$", text, re.MULTILINE))
    assert "errors" in shown  # a module: all its classes are shown
    missing = {
        name
        for name in imfuse.__all__
        if name not in shown
        and not name.startswith("__")
        and getattr(imfuse, name).__module__ != "imfuse.errors"
    }
    assert not missing, f"add `::: imfuse.NAME` to docs/api/use.md for {sorted(missing)}"


def test_the_site_builds_without_warnings_and_needs_no_network(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet"]
    done = subprocess.run(
        [*command, "--site-dir", str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    pages = list(tmp_path.rglob("*.html"))
    assert len(pages) >= len(PAGES)  # README is not among them, but 404.html is
    for page in pages:
        loaded = re.findall(
            r'<(?:script|link rel="stylesheet"|img)[^>]*"(https?:[^"]+)', page.read_text()
        )
        assert not loaded, page.name
