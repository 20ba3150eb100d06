"""Clauses of the specification: each is an anchor of its page, and each mention of one on the site leads to it."""

import re

from docutils import nodes
from sphinx.transforms import SphinxTransform
from sphinx.transforms.post_transforms import SphinxPostTransform

from refcompress.testing.clauses import PAGES

PREFIXES = "|".join([*PAGES, "GEN"])
SECTION = re.compile(rf"(?:{PREFIXES})-\d+(?=:)")
CLAUSE = re.compile(rf"(?:{PREFIXES})-\d+\.\d+$")
MENTION = re.compile(rf"\b(?:{PREFIXES})-\d+(?:\.\d+)?\b")


class Anchors(SphinxTransform):
    """Give the sections and clauses of a page of the specification the identifiers that they are cited by."""

    default_priority = 750  # after MyST gave the headings theirs

    def apply(self, **kwargs):
        name = self.env.docname
        if not name.startswith("specification/"):
            return
        for section in self.document.findall(nodes.section):
            if found := SECTION.match(section.next_node(nodes.title).astext()):
                self._mark(section, found[0])
        for paragraph in self.document.findall(nodes.paragraph):
            first = next((child for child in paragraph.children if child.astext()), None)  # MyST begins with ""
            if isinstance(first, nodes.strong) and CLAUSE.match(first.astext()):
                self._mark(paragraph, first.astext())

    def _mark(self, node, clause):
        node["ids"].append(clause)
        self.env.clauses[clause] = self.env.docname


class Mentions(SphinxPostTransform):
    """Make a link of each mention of a clause, but where it stands itself, and in code."""

    default_priority = 900

    def run(self, **kwargs):
        here = self.env.docname
        kept = (nodes.reference, nodes.literal, nodes.literal_block, nodes.title, nodes.raw, nodes.comment)
        for text in list(self.document.findall(nodes.Text)):
            if not MENTION.search(text) or any(isinstance(up, kept) for up in self._above(text)):
                continue
            if isinstance(text.parent, nodes.strong) and str(text) in text.parent.parent.get("ids", ()):
                continue
            parts, at = [], 0
            for found in MENTION.finditer(text):
                if found[0] not in self.env.clauses:
                    continue
                page = self.env.clauses[found[0]]
                target = self.app.builder.get_relative_uri(here, page) if page != here else ""
                parts += [nodes.Text(text[at:found.start()]),
                          nodes.reference("", found[0], internal=True, refuri=f"{target}#{found[0]}")]
                at = found.end()
            if parts:
                text.parent.replace(text, [*parts, nodes.Text(text[at:])])

    @staticmethod
    def _above(node):
        while (node := node.parent) is not None:
            yield node


def _begin(app, env, docnames):
    if not hasattr(env, "clauses"):
        env.clauses = {}


def _purge(app, env, docname):
    env.clauses = {clause: page for clause, page in getattr(env, "clauses", {}).items() if page != docname}


def _merge(app, env, docnames, other):
    env.clauses.update({clause: page for clause, page in other.clauses.items() if page in docnames})


def setup(app):
    app.connect("env-before-read-docs", _begin)
    app.connect("env-purge-doc", _purge)
    app.connect("env-merge-info", _merge)
    app.add_transform(Anchors)
    app.add_post_transform(Mentions)
    return {"version": "1", "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}
