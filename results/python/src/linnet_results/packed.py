"""Tables that `linnet publish` compressed (Zstandard, `.zst`), read as if they were not."""

import io
from pathlib import Path

import zstandard

from .error import ResultsError

SUFFIX = ".zst"


def present(path: Path) -> Path | None:
    """The table at `path`, or the compressed one in its place; None where neither is there."""
    packed = path.with_name(path.name + SUFFIX)
    return next((file for file in (path, packed) if file.is_file()), None)


def content(path: Path) -> io.BytesIO:
    """What the file holds, unpacked where it is compressed."""
    if path.suffix != SUFFIX:
        return io.BytesIO(path.read_bytes())
    try:
        with path.open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as unpacked:
            return io.BytesIO(unpacked.read())
    except zstandard.ZstdError as error:
        raise ResultsError(path, "a file compressed by Zstandard", error) from error
