"""One page that says what a model file holds: it opens offline, and needs no script to be read.

- ``facts.py``: what the page says, as plain data
- ``distributions.py``: how the numbers of a tensor spread, with the levels that its codes stand for
- ``break_even.py``: from which density on a sparse product is faster, measured on this machine
- ``pictures.py``: pictures as SVG
- ``page.py`` and ``page.html``: the page on a file; ``paper.py`` and ``paper.html``: that on a paper
- ``template.py`` and ``page.css``: what both share
"""

from .facts import Facts, facts
from .page import page

__all__ = ["Facts", "facts", "page"]
