"""YAML with the line of every value, so that a complaint can point at it."""

import re
from collections.abc import Mapping
from typing import Any

import yaml

Path = tuple[str | int, ...]

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")


class _Loader(yaml.SafeLoader):
    """SafeLoader without timestamps: moments stay text and are read where they are meant."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in pairs if tag != "tag:yaml.org,2002:timestamp"]
    for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class Document:
    """A parsed YAML file: its `data`, the `problems` met on the way as (line, text), and `line` of a path."""

    def __init__(self, text: str, env: Mapping[str, str] | None) -> None:
        """Parse; `${NAME}` is filled from `env`, or left alone when that is None."""
        self.data: Any = None
        self.problems: list[tuple[int, str]] = []
        self._lines: dict[Path, int] = {}
        self._env = env
        loader = _Loader(text)
        try:
            node = loader.get_single_node()
            if node is not None:
                self._walk(node, ())
                self.data = loader.construct_document(node)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            said = " ".join(part for part in (error.problem, error.context) if part)
            self.problems.append((mark.line + 1 if mark else 1, said))
        except yaml.YAMLError as error:
            self.problems.append((1, str(error).replace("\n", " ")))
        finally:
            loader.dispose()

    def line(self, path: Path) -> int:
        """The line of the value at the path, or of the nearest thing around it."""
        while path and path not in self._lines:
            path = path[:-1]
        return self._lines.get(path, 1)

    def _walk(self, node: yaml.Node, path: Path) -> None:
        self._lines.setdefault(path, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in node.value:
                name = str(key.value)
                if name in seen:
                    self.problems.append((key.start_mark.line + 1, f"{show((*path, name))}: given twice"))
                seen.add(name)
                self._lines[(*path, name)] = key.start_mark.line + 1
                self._walk(value, (*path, name))
        elif isinstance(node, yaml.SequenceNode):
            for index, value in enumerate(node.value):
                self._walk(value, (*path, index))
        elif isinstance(node, yaml.ScalarNode):
            node.value = self._fill(node, path)

    def _fill(self, node: yaml.ScalarNode, path: Path) -> str:
        text = str(node.value)
        env = self._env
        if env is None:
            return text
        for name in _VARIABLE.findall(text):
            if name not in env:
                line = node.start_mark.line + 1
                self.problems.append((line, f"{show(path)}: the variable {name} is not set"))
        return _VARIABLE.sub(lambda found: env.get(found[1], ""), text)


def show(path: Path) -> str:
    """A path as people write it.

    >>> show(("rules", 2, "fire"))
    'rules[2].fire'
    """
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "file"
