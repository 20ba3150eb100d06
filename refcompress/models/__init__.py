"""Models in and out: dicts of named arrays from the files that others keep them in, one module a file type."""
