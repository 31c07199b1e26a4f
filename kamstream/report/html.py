"""HTML as values: text is escaped where it is put in, so that no name can become markup.

>>> element("p", "Smith & <b>Sons</b>", class_="who", hidden=None)
'<p class="who">Smith &amp; &lt;b&gt;Sons&lt;/b&gt;</p>'
>>> element("p", element("b", 3), " deals")
'<p><b>3</b> deals</p>'
"""

from collections.abc import Iterable
from html import escape

_VOID = frozenset({"meta", "br", "circle", "line", "rect", "polyline", "path"})


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


#: What may stand inside an element; None is nothing.
Child = str | int | None


def element(name: str, /, *children: Child, **attributes: str | int | float | None) -> Html:
    """An element; ``class_`` is ``class``, other underscores in attributes are dashes, None leaves one out."""
    said = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(str(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    if name in _VOID and not children:
        return Html(f"<{name}{said}/>" if name != "meta" else f"<{name}{said}>")
    return Html(f"<{name}{said}>{join(children)}</{name}>")


def join(children: Iterable[Child]) -> Html:
    """Markup as it is and text escaped, one after another."""
    return Html("".join(_safe(child) for child in children if child is not None))


def css_text(text: str) -> str:
    """Text as a CSS string that holds nothing but letters, digits and escapes: safe inside a style element too.

    >>> css_text('A </style>"')
    '"A\\\\20 \\\\3c \\\\2f style\\\\3e \\\\22 "'
    """
    return '"' + "".join(c if c.isascii() and c.isalnum() else f"\\{ord(c):x} " for c in text) + '"'


def _safe(child: Child) -> str:
    return child if isinstance(child, Html) else escape(str(child))
