"""One page that says what a model file holds: it opens offline, and needs no script to be read.

- ``file_facts.py``: what the page says, as plain data
- ``distributions.py``: how the numbers of a tensor spread, with the levels that its codes stand for
- ``break_even.py``: from which density on a sparse product is faster, measured on this machine
- ``pictures.py``: pictures as SVG
- ``file_page.py`` and ``page.html``: the page on a file; ``paper.py`` and ``paper.html``: that on a paper
- ``template.py`` and ``page.css``: what both share
"""

from .file_facts import Facts, facts
from .file_page import page

__all__ = ["Facts", "facts", "page"]
