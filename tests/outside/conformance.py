"""Other libraries by our checks: what each of them fails, beside what it is expected to fail and why.

    python -m tests.outside.conformance             # all that are installed
    python -m tests.outside.conformance torch       # one; --full prints the first line of each disagreement

The exit code is 1 where a library fails what it is not expected to fail, or passes what it is expected to fail.
"""

import argparse

from refcompress.agreement import Disagreement
from refcompress.errors import MissingExtra
from refcompress.testing import adapters
from refcompress.testing.conforming import CHECKS, conformance


def verdict(op: str, name: str, function) -> tuple[str, str]:
    """Return in a word what came of a check, and what was said."""
    try:
        tried = conformance(name, op, function)
    except NotImplementedError as error:
        return "not offered", str(error)
    except Disagreement as wrong:
        return "fails", str(wrong).splitlines()[0]
    return ("passes", f"{tried} inputs") if tried else ("no inputs", "")


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("library", nargs="*", choices=[*adapters.LIBRARIES, []])
    options.add_argument("--full", action="store_true")
    chosen = options.parse_args()
    wrong = 0
    for library in chosen.library or adapters.LIBRARIES:
        try:
            functions = adapters.operations(library)
        except MissingExtra as error:
            print(f"{library}: absent ({error})")
            continue
        for op, function in functions.items():
            expected, said = adapters.failures(library, op), []
            for name in CHECKS:
                word, why = verdict(op, name, function)
                if word == "fails" and name in expected:
                    word = "as expected"
                elif word == "fails" or (word == "passes" and name in expected):
                    wrong, word = wrong + 1, word.upper()
                said.append(f"{name} {word}")
                if chosen.full and word in ("FAILS", "PASSES", "as expected"):
                    print(f"    {name}: {why}; expected: {expected.get(name)}")
            print(f"{library} {op}: {', '.join(said)}", flush=True)
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
