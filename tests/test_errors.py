"""What error messages may hold."""

import os

import pytest

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
