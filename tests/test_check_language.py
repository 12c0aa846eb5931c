"""The check of docstrings that `make lint` runs."""

import runpy
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[1] / "tools" / "check_language.py"
loose_starts = runpy.run_path(str(TOOL))["loose_starts"]

MODULE = '''"""{} a module."""
LIMIT = 3
"""Largest number."""


class Thing:
    """{} a class."""

    size: int
    """What it measures."""

    def method(self):
        """{} a method.

        Whether this line begins badly is of no concern.
        """
        return lambda: "What"


async def function():
    """{} a function."""
'''
GOOD = ("Description of", "Whatever is in", "Often found in", "How to write")


@pytest.mark.parametrize("word", ["Of", "What", "Which", "Whether"])
@pytest.mark.parametrize(("place", "line"), [(0, 1), (1, 7), (2, 13), (3, 21)])
def test_a_loose_start_is_found_wherever_a_docstring_stands(word, place, line):
    words = [*GOOD]
    words[place] = word
    ((found, text),) = loose_starts(MODULE.format(*words))
    assert found == line
    assert text.startswith(f"{word} a ")


def test_statements_pass():
    assert not list(loose_starts(MODULE.format(*GOOD)))


@pytest.mark.parametrize("assignment", ["wide: bool", "wide: bool = True", "wide = True"])
def test_an_attribute_may_not_begin_with_whether(assignment):
    source = f'class Thing:\n    {assignment}\n    """Whether it is wide."""\n'
    assert list(loose_starts(source)) == [(3, "Whether it is wide.")]


def test_the_command_names_the_file_and_fails(tmp_path):
    (tmp_path / "fine.py").write_text('"""A fine module."""\n')
    command = [sys.executable, str(TOOL), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")
    bad = tmp_path / "deep" / "bad.py"
    bad.parent.mkdir()
    bad.write_text('"""\nWhat begins on the next line."""\n')
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert f"{bad}:1:" in done.stdout
