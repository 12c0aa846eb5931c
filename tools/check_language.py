"""Refuse docstrings whose first line is a loose clause instead of a statement.

A docstring's first line is read alone, in an editor's tooltip or in the API reference, so it must
be a full imperative or a noun phrase. A first line that begins with a bare "Of", "What", "Which" or
"Whether" is neither. "Whether" is refused in the string below an attribute as well: write
"True if ..." there, and "Return True if ..." for a function.

    python tools/check_language.py src/imfuse benchmarks tests/reference
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

_LOOSE_START = re.compile(r"(Of|What|Which|Whether)\b")
_LOOSE_ATTRIBUTE = re.compile(r"Whether\b")
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _string(node: ast.stmt) -> str | None:
    """Return the text of a statement that is nothing but a string, else None."""
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
        value = node.value.value
        return value.strip() if isinstance(value, str) else None
    return None


def loose_starts(source: str) -> Iterator[tuple[int, str]]:
    """Yield the line number and the first line of each docstring that has to be rewritten.

    Args:
        source: Text of a Python module.

    Raises:
        SyntaxError: The text is not Python.
    """
    for node in ast.walk(ast.parse(source)):
        body = getattr(node, "body", None)
        if not isinstance(body, list):  # the body of a lambda is one expression
            continue
        for before, statement in zip([None, *body], body, strict=False):
            if before is None and isinstance(node, _DOCUMENTED):
                pattern = _LOOSE_START
            elif isinstance(before, ast.Assign | ast.AnnAssign):
                pattern = _LOOSE_ATTRIBUTE
            else:
                continue
            text = _string(statement)
            if text and pattern.match(text):
                yield statement.lineno, text.splitlines()[0]


def main(roots: list[str]) -> int:
    """Print every docstring to be rewritten below some folders; return 1 if there is any."""
    found = [
        f'{path}:{line}: begins with a loose "{first.split()[0]}": {first}'
        for root in roots
        for path in sorted(Path(root).rglob("*.py"))
        for line, first in sorted(loose_starts(path.read_text(encoding="utf-8")))
    ]
    print(*found, sep="\n", end="\n" if found else "")
    if found:
        print(f"{len(found)} docstrings to rewrite; {Path(__file__).name} says how")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
