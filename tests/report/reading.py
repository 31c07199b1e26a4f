"""Reading a page as a person or a browser does."""

from __future__ import annotations

from html.parser import HTMLParser

_VOID = {"meta", "br"}


class Page(HTMLParser):
    """A page's elements, attributes and text; tags that do not match are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.style = ""
        self.sections: dict[str, str] = {}
        self._open: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert not self._open

    @property
    def text(self) -> str:
        """All of it, with single blanks."""
        return plain(" ".join(self.words))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        self.elements.append((tag, said))
        if tag not in _VOID:
            self._open.append((tag, said.get("id", "")))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        opened, _ = self._open.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] == "style":
            self.style += data
            return
        self.words.append(data)
        for tag, id in self._open:
            if tag == "section" and id:
                self.sections[id] = plain(f"{self.sections.get(id, '')} {data}")


def plain(text: str) -> str:
    """With plain single blanks instead of hard, thin and several ones."""
    return " ".join(text.replace("\u202f", " ").replace("\u00a0", " ").split())
