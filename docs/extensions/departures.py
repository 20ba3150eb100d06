"""The directive ``{departures} NAME ...``: the rows of DEPARTURES.md about these operations, so that no lesson copies
one. A name without a row is an error, so a lesson cannot outlive what it quotes; with ``:or-none:`` it is a sentence.
"""

from pathlib import Path

from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

TABLE = Path(__file__).resolve().parents[2] / "DEPARTURES.md"


class Departures(SphinxDirective):
    required_arguments = 1
    final_argument_whitespace = True
    option_spec = {"or-none": directives.flag}

    def run(self):
        self.env.note_dependency(str(TABLE))
        rows = [row for row in TABLE.read_text(encoding="utf-8").splitlines() if row.startswith("|")]
        lines = rows[:2]
        for name in self.arguments[0].split():
            found = [row for row in rows[2:] if f"`{name}`" in row.split("|")[1]]
            if not found and "or-none" not in self.options:
                raise ExtensionError(f"{self.env.docname}: DEPARTURES.md has no row about {name}")
            lines += [row for row in found if row not in lines]
        if len(lines) == 2:
            lines = ["`DEPARTURES.md` has no row about it. What its docstring says under **Departs** is all."]
        return self.parse_text_to_nodes(StringList(lines, str(TABLE)))


def setup(app):
    app.add_directive("departures", Departures)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
