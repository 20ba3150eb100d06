"""What the tests of the machine share: the number of threads, set and put back."""

import pytest


@pytest.fixture
def count():
    """Set the number of threads, and however small the work is, split it."""
    from refcompress.native import threads

    before, serial = threads.get(), threads.SERIAL_SECONDS
    threads.SERIAL_SECONDS = 0
    yield threads.set
    threads.SERIAL_SECONDS = serial
    threads.set(before)
