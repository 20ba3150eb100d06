"""The command line: ``python -m refcompress`` and ``refcompress``. Ctrl-C is answered from here on, with one line."""

import os
import signal
import sys


def main() -> int:
    """Run the command line; on Ctrl-C, while the library is loaded and afterwards too, end with one line and exit code 130."""
    heard = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # and not ignored, as in the background of a shell
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


def leave(*signal_and_frame) -> None:
    os.write(2, b"refcompress: interrupted\n")
    os._exit(130)


if __name__ == "__main__":
    sys.exit(main())
