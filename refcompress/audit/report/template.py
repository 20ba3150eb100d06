"""What puts words and pictures into a page: jinja2, an extra."""

import html
import re
from functools import cache
from importlib.resources import files
from typing import Any

from ... import __version__
from ...errors import MissingExtra
from .pictures import plain

__all__ = ["count", "percent", "rendered"]


def rendered(template: str, **values: Any) -> str:
    """Return the text of an HTML file made by a template of this folder; MissingExtra without jinja2."""
    try:
        import jinja2
    except ImportError as error:
        rule = "is not installed, and makes the page: pip install 'refcompress[report]'"
        raise MissingExtra("jinja2", rule) from error
    style = files(__package__).joinpath("page.css").read_text("utf-8")
    return _compiled(jinja2, template).render(version=__version__, style=style, **values)


@cache
def _compiled(jinja2: Any, template: str) -> Any:
    """Return a template, which takes longer to compile than a page takes to be filled."""
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True,
                                     undefined=jinja2.StrictUndefined)
    environment.filters.update(count=count, percent=percent, plain=plain, breakable=breakable)
    return environment.from_string(files(__package__).joinpath(template).read_text("utf-8"))


def breakable(name: str) -> str:
    """Return a name as HTML that a line may break behind its dots and slashes, and not only where a letter ends."""
    return "".join(f"{html.escape(part)}<wbr>" for part in re.split(r"(?<=[./])", name))


def count(value: float) -> str:
    """Return a count of bytes or numbers; of bits that share a byte with others to one place."""
    return f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"


def percent(part: float, whole: float) -> str:
    """Return a share in percent, of two digits or more.

    >>> percent(1, 3), percent(1, 100000), percent(0, 5), percent(3, 3)
    ('33.3 %', 'below 0.1 %', '0 %', '100 %')
    """
    share = 100 * part / whole if whole else 0.0
    if 0 < share < 0.05:
        return "below 0.1 %"
    return f"{share:.1f}".removesuffix(".0") + " %"
