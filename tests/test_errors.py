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


COMMAND_ONLY = ("cli/", "demo.py", "__main__.py", "learn/training/memory.py")
"""Files and folders whose messages are for the command line alone."""

OPTION = re.compile(r"(?<![\w-])(?:--([a-z][a-z-]*[a-z])|-(o))(?![\w-])")

COMMAND = re.compile(r"`imfuse [^`]*`|^imfuse (?:fuse|segment run) .*", re.MULTILINE)
"""A whole command, which Python users can give in a shell: in backticks or alone in a string."""

IN_PYTHON = {
    "set": "settings",
    "o": "out",
    "map": "class_map",
    "judge-set": "settings",
}
"""Options whose argument has another name in Python."""


def messages(source):
    """Yield the line and the strings of each statement that is no docstring."""
    for node in ast.walk(ast.parse(source)):
        compound = hasattr(node, "body")
        if not isinstance(node, ast.stmt) or compound:
            continue
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue
        parts = (one.value for one in ast.walk(node) if isinstance(one, ast.Constant))
        yield node.lineno, "\n".join(part for part in parts if isinstance(part, str))


def without_python(source):
    """Yield the line and the option where a message does not name the Python argument."""
    for line, message in messages(source):
        for double, single in OPTION.findall(COMMAND.sub("", message)):
            option = double or single
            name = IN_PYTHON.get(option, option.replace("-", "_"))
            if not re.search(rf"(?<!\w){name}=", message):
                yield line, option


@pytest.mark.parametrize(
    ("remedy", "missing"),
    [
        ("Use fewer --workers.", ["workers"]),
        ("Use fewer --workers (workers=).", []),
        ("Give another folder with -o.", ["o"]),
        ("Give another folder with -o (out=).", []),
        ("Give another folder with -o (layout=).", ["o"]),
        ("Train with --set classes=9.", ["set"]),
        ("Train with --set classes=9 (settings=).", []),
        ("Add pairs (--data scenes:9), or resume (--resume, resume=True).", ["data"]),
        ("Fuse the pairs first: `imfuse fuse IR VIS -o OUT --resume`.", []),
        ("Look with `imfuse models`, or use --device cpu.", ["device"]),
    ],
)
def test_the_check_finds_options_without_their_python_form(remedy, missing):
    source = f"def f(out):\n    raise UsageError('x', file=out, layout=out, remedy={remedy!r})"
    assert [option for _, option in without_python(source)] == missing


def test_messages_give_options_as_the_command_line_and_as_python_take_them():
    """Python users can't give `--ir-range`; the name of the argument stands beside it."""
    package = Path(imfuse.__file__).parent
    missing = []
    for file in sorted(package.rglob("*.py")):
        place = file.relative_to(package).as_posix()
        if not place.startswith(COMMAND_ONLY):
            missing += [
                f"{place}:{line} {option}" for line, option in without_python(file.read_text())
            ]
    assert not missing
