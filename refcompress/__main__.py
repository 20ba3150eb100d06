"""The command line: ``python -m refcompress`` and ``refcompress``. From here on Ctrl-C is answered with one line."""

import os
import signal
import sys
from typing import NoReturn


def main() -> int:
    """Run the command line; on Ctrl-C, also while the library is loaded, end with one line and exit code 130."""
    # Not ignored, as it is in the background of a shell.
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if heard:
        # No exception: within an import it may become another one, and there is nothing to clean up yet.
        signal.signal(signal.SIGINT, leave)
    from .cli import main

    try:
        if heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return main()
    except KeyboardInterrupt:
        leave()
    finally:
        if heard:
            signal.signal(signal.SIGINT, leave)


def leave(*signal_and_frame) -> NoReturn:
    os.write(2, b"refcompress: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
