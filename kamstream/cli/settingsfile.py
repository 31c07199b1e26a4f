"""Changing one table of a settings file and nothing else of it: comments and order stay."""

import re
from collections.abc import Sequence

_HEADER = re.compile(r"\s*\[")


def with_table(text: str, name: str, lines: Sequence[str]) -> str:
    """The text of a TOML file with these lines (header first) as the table of that name.

    >>> print(with_table('clock = "event"\\n\\n[a]\\nx = 1\\n\\n# of b\\n[b]\\ny = 2\\n', "a", ["[a]", "x = 3"]))
    clock = "event"
    <BLANKLINE>
    [a]
    x = 3
    <BLANKLINE>
    # of b
    [b]
    y = 2
    <BLANKLINE>

    A ValueError where the file writes the table in another way, which cannot be replaced line by line.
    """
    old = text.splitlines()
    header = re.compile(rf"\s*\[\s*{re.escape(name)}\s*\]\s*(#.*)?")
    if re.search(rf"(?m)^\s*{re.escape(name)}\s*[.=]", text) or re.search(rf"(?m)^\s*\[+\s*{re.escape(name)}\.", text):
        raise ValueError(f"writes {name} in another way than as a table [{name}]: change it by hand")
    start = next((at for at, line in enumerate(old) if header.fullmatch(line)), None)
    if start is None:
        return "\n".join([*old, *([""] if old else []), *lines]) + "\n"
    end = next((at for at in range(start + 1, len(old)) if _HEADER.match(old[at])), len(old))
    while end > start + 1 and (not old[end - 1].strip() or old[end - 1].lstrip().startswith("#")):
        end -= 1
    return "\n".join([*old[:start], *lines, *old[end:]]) + "\n"
