"""Records files as they are published: compressed with xz, read like the plain ones and never written to."""

import lzma
from pathlib import Path

#: What the name of a compressed records file ends with, behind the plain file's name.
XZ = ".xz"
#: Largest records file that is read (bytes, uncompressed): the records of 500,000 episodes.
MAX_BYTES = 2**30
#: Memory that a file may ask of the decompressor (bytes); what this module writes needs half of it.
_MEMORY_LIMIT = 128 * 2**20


def compressed(path: Path) -> Path:
    """Path of the compressed twin of a plain records file."""
    return path.with_name(path.name + XZ)


def is_compressed_only(path: Path) -> bool:
    """Whether records are there as a compressed file and not as a plain one; the plain one counts where both are."""
    return not path.exists() and compressed(path).is_file()


def compress(data: bytes) -> bytes:
    """Compress a records file; equal data give equal bytes."""
    return lzma.compress(data, preset=9)


def decompress(path: Path, limit: int = MAX_BYTES) -> bytes:
    """Read a compressed records file whole.

    Args:
        path: The compressed file.
        limit: Largest size of what it holds, in bytes: a small file can hold terabytes.

    Raises:
        OSError: If it cannot be read, is damaged or cut off, or holds more than `limit`.
    """
    decompressor = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MEMORY_LIMIT)
    try:
        data = decompressor.decompress(path.read_bytes(), max_length=limit + 1)
    except lzma.LZMAError as error:
        raise OSError(f"it is no xz file that can be read: {error}") from None
    if len(data) > limit:
        raise OSError(f"it holds more than {limit:,} bytes")
    if not decompressor.eof:
        raise OSError("it is cut off")
    return data
