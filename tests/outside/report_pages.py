"""The pages of ``refcompress report`` and ``audit -o`` in a browser: they fit a phone, and ask nobody for anything.

    python -m tests.outside.report_pages FOLDER [FILE [SOURCE]]

A browser of the Chromium family must be on the PATH (Debian: chromium). Writes to FOLDER the pages of FILE (else of a
GGUF that is made here, with its source) and of the paper, and pictures of them 390 and 1280 pixels wide, light and
dark, to be looked at. Exit code 1 where a page is wider than its window, or a request leaves it.
"""

import html
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np

from refcompress import models
from refcompress.cli import main as refcompress
from refcompress.reference import ggml_encode

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
WIDTHS = (390, 1280)
TALL = 3600  # pixels of a picture
# A page in a frame as wide as asked for (a window is never narrower than 500 pixels), and how wide it came out.
FRAME = """<!DOCTYPE html><style>body {{ margin: 0 }} iframe {{ border: 0; width: {0}px; height: {1}px }}</style>
<iframe srcdoc="{2}"></iframe><p id="width"></p><script>addEventListener("load", () => {{
const page = document.querySelector("iframe").contentDocument
document.getElementById("width").textContent = page.documentElement.scrollWidth }})</script>"""


def browse(browser: str, page: Path, *options: str) -> str:
    """Load a page without a network; return what the browser prints."""
    return subprocess.run([browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
                           "--host-resolver-rules=MAP * ~NOTFOUND", *options, page.as_uri()],
                          capture_output=True, text=True, check=True, timeout=120).stdout


def faults(browser: str, page: Path) -> list[str]:
    """Take the pictures of a page; return what is wrong with it."""
    found = []
    for width in WIDTHS:
        framed = page.with_name(f"{page.stem}-{width}.frame.html")
        framed.write_text(FRAME.format(width, TALL, html.escape(page.read_text())))
        said = re.search(r'id="width">(\d+)<', browse(browser, framed, "--dump-dom"))
        if said is None or int(said[1]) > width:
            found.append(f"{page.name}: {said and said[1]} pixels wide in a window of {width}")
        for mode in ("light", "dark"):
            browse(browser, framed, f"--screenshot={page.with_suffix('')}-{width}-{mode}.png",
                   f"--window-size={max(width, 500)},{TALL}", *["--force-dark-mode"] * (mode == "dark"))
        framed.unlink()
    log = page.with_suffix(".netlog.json")
    browse(browser, page, "--dump-dom", f"--log-net-log={log}")
    asked = {event["params"]["url"] for event in json.loads(log.read_text())["events"]
             if "url" in event.get("params", {})}
    text = page.read_text()  # what the browser asks its maker for is not in it
    found += [f"{page.name}: asks for {url}" for url in asked if url in text]
    log.unlink()
    return found


def example(folder: Path) -> list[str]:
    """Write a GGUF and its source; return their names."""
    rng = np.random.default_rng(0)
    weights = {f"blk.{i}.{name}.weight": (rng.standard_normal(shape) * 0.02).astype(np.float32) for i in range(3)
               for name, shape in (("attn_q", (256, 256)), ("ffn_up", (1024, 256)), ("ffn_down", (256, 1024)))}
    weights["blk.1.ffn_up.weight"][np.abs(weights["blk.1.ffn_up.weight"]) < 0.03] = 0
    models.save(folder / "source.safetensors", weights)
    models.save(folder / "model.Q4_0.gguf", {
        name: ggml_encode(w, "Q8_0" if "down" in name else "Q4_0") for name, w in weights.items()})
    return [str(folder / "model.Q4_0.gguf"), str(folder / "source.safetensors")]


def main(argv: list[str]) -> int:
    browser = next(filter(None, map(shutil.which, NAMES)), None)
    if browser is None:
        sys.exit(f"no browser is on the PATH: {', '.join(NAMES)}")
    folder = Path(argv[0]).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    file, *source = argv[1:] or example(folder)
    pages = [folder / "model.html", folder / "paper.html"]
    refused = refcompress(["report", file, *["--source", *source][: 2 * len(source)], "-o", str(pages[0]), "--force"]) \
        or refcompress(["audit", "-o", str(pages[1]), "--force"])
    found = ["a page was not written"] if refused else [fault for page in pages for fault in faults(browser, page)]
    print("\n".join(found) or f"{len(pages)} pages fit {' and '.join(map(str, WIDTHS))} pixels and ask for nothing; "
                              f"look at the pictures in {folder}")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
