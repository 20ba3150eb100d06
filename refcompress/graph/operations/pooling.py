"""To come."""

ROWS: tuple = ()
