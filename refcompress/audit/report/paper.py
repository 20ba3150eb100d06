"""The page on a paper: what it printed beside what follows from its own rows."""

from collections.abc import Sequence

from ...recipes.published import Finding
from .pictures import pair
from .template import rendered

__all__ = ["paper_page"]

RATE = "P+Q+H rate, %"  # the figure that a table of the paper ends with, and that is drawn


def paper_page(paper: str, networks: Sequence[tuple[str, Sequence[Finding]]], remark: str) -> str:
    """Return the page as the text of an HTML file; MissingExtra without jinja2.

    paper : its title. networks : the heading of each table, and what was found in it. remark : what to read with it.
    """
    tables = []
    for heading, found in networks:
        rates = [each for each in found if each.what == RATE]
        most = max((max(each.printed, each.recomputed) for each in rates), default=0)
        drawn = [(each, pair(each.printed, each.recomputed, most, f"{each.row}: the paper prints {each.printed:g} %, "
                             f"its row gives {each.recomputed:.2f} %")) for each in rates]
        wrong = [each for each in found if each.verdict != "consistent"]
        tables.append((heading, found, wrong, drawn))
    return rendered("paper.html", paper=paper, tables=tables, remark=remark, figures=sum(len(t[1]) for t in tables),
                    wrong=sum(len(t[2]) for t in tables))
