"""What error messages may hold."""

import ast
import os
import re
from pathlib import Path

import pytest

import imfuse
from imfuse.errors import ImfuseError, printable


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain name-1_ü 漢.png", "plain name-1_ü 漢.png"),
        ("red\x1b[31m.png", r"red\x1b[31m.png"),
        ("two\nlines\r\t\x00\x9b", r"two\x0alines\x0d\x09\x00\x9b"),
        (os.fsdecode(b"caf\xe9.png"), r"caf\xe9.png"),
        ("gnp\u202eexe.png", r"gnp\u202eexe.png"),
        ("half \ud83d", r"half \ud83d"),
    ],
)
def test_names_reach_no_terminal_raw(name, shown):
    assert printable(name) == shown
    error = ImfuseError("broken", file=name, remedy="Mend it.")
    assert str(error) == f"{shown}: broken. Mend it."
    assert error.file == name
    str(error).encode("utf-8")


def test_text_of_messages_keeps_its_lines_but_no_control_characters():
    error = ImfuseError("two\nlines\x1b[2J", expected="none\x07", remedy="caf\udce9")
    assert str(error) == "two\nlines\\x1b[2J; expected none\\x07. caf\\xe9"


COMMAND_ONLY = {"cli", "learn", "demo.py", "__main__.py"}
"""Parts whose messages are for the command line alone."""


def messages():
    """Yield the place and the text of each statement that is no docstring."""
    package = Path(imfuse.__file__).parent
    for file in sorted(package.rglob("*.py")):
        if file.relative_to(package).parts[0] in COMMAND_ONLY:
            continue
        text = file.read_text()
        for node in ast.walk(ast.parse(text)):
            compound = hasattr(node, "body")
            if not isinstance(node, ast.stmt) or compound:
                continue
            is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if not is_docstring:
                yield f"{file.name}:{node.lineno}", ast.get_source_segment(text, node)


def test_messages_give_options_as_the_command_line_and_as_python_take_them():
    """Python users can't give `--ir-range`; the name of the argument stands beside it."""
    in_python = {"set": "settings"}
    missing = []
    for place, statement in messages():
        for option in re.findall(r"(?<![\w-])--([a-z][a-z-]*[a-z])", statement):
            name = in_python.get(option, option.replace("-", "_"))
            if f"{name}=" not in statement:
                missing.append(f"{place} --{option}")
    assert not missing
