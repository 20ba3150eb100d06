"""Read the built pages: every link inside leads somewhere, nothing is loaded from a network, every picture has a text.

python docs/check_pages.py build/docs/html
"""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src"}


class Page(HTMLParser):
    """What a page has: its anchors, its links, what it loads, and its pictures without an alternative text."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.silent: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        have = dict(attrs)
        for name in ("id", "name") if tag == "a" else ("id",):
            if have.get(name):
                self.anchors.add(have[name])
        if tag == "a" and have.get("href"):
            self.links.append(have["href"])
        if tag == "link" and have.get("href") and have.get("rel") in ("stylesheet", "preload", "icon", "shortcut icon"):
            self.loaded.append(have["href"])
        if LOADED.get(tag) in have:
            self.loaded.append(have[LOADED[tag]])
        # The small pictures of the gallery's first page stand over their titles, so their text is empty on purpose.
        if tag == "img" and not (have.get("alt") or "").strip() and "_thumb." not in have.get("src", ""):
            self.silent.append(have.get("src") or "?")


def faults(folder: Path) -> list[str]:
    """Return what is wrong with the pages under a folder, a line each."""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*.html"))
             if path.relative_to(folder).parts[0] != "_static"}  # parts of the theme, which are no pages
    if not pages:
        return [f"{folder} has no pages"]
    found = []
    for path, page in pages.items():
        here = path.relative_to(folder).as_posix()
        for url in [*page.links, *page.loaded]:
            parts = urlsplit(url)
            if parts.scheme or parts.netloc:
                if url in page.loaded and parts.scheme != "data":
                    found.append(f"{here}: loads {url} from a network")
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                found.append(f"{here}: {url} is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{here}: {url} has no such anchor")
        found += [f"{here}: the picture {name} has no alternative text" for name in page.silent]
    for path in sorted(folder.rglob("*.css")):
        for url in re.findall(r"url\(\s*['\"]?(https?:[^'\")]+)", path.read_text(encoding="utf-8")):
            found.append(f"{path.relative_to(folder).as_posix()}: loads {url} from a network")
    return found


if __name__ == "__main__":
    where = Path(sys.argv[1]).resolve()
    lines = faults(where)
    print(*lines, sep="\n")
    print(f"{len(lines)} faults in the pages of {sys.argv[1]}")
    sys.exit(bool(lines))
