"""The nn family."""

__all__: list[str] = []
