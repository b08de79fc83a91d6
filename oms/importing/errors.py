"""What is wrong with a file as a whole, so that none of it is sent."""

from __future__ import annotations

__all__ = ["FileRefused"]


class FileRefused(Exception):
    """The file or its map cannot be used; the text names the place and says what to do. Nothing was sent."""

    exit_code = 14
