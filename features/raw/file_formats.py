"""Recognizes what a file really is from its first bytes, to name the remedy when it is not what its name says."""

import contextlib
import gzip
import zlib
from pathlib import Path
from typing import Final, NamedTuple

from features.errors import InputError, first_line

_FIRST_BYTES: Final = 512
_MEBIBYTE: Final = 1 << 20
_GZIP: Final = b"\x1f\x8b"
_PARQUET: Final = (b"PAR1",)


class Format(NamedTuple):
    """A format that is not read under the name of a raw file, how to recognize it, and the remedy."""

    kind: str
    remedy: str
    first_bytes: tuple[bytes, ...] = ()
    endings: tuple[str, ...] = ()


_FORMATS: Final = (
    Format("a ZIP archive or an Excel workbook", "unzip it, or save the sheet as CSV", (b"PK\x03\x04",), (".zip",)),
    Format("an Excel workbook", "save the sheet as CSV", (b"\xd0\xcf\x11\xe0",)),
    Format("gzip-compressed", "rename it to end in .csv.gz", (_GZIP,)),
    Format("a Parquet file", "rename it to end in .parquet", _PARQUET),
    Format("compressed with zstd", "decompress it with `zstd -d`", (b"\x28\xb5\x2f\xfd",), (".zst",)),
    Format("compressed with bzip2", "decompress it with `bunzip2`", (b"BZh91AY&SY",), (".bz2",)),
    Format("compressed with xz", "decompress it with `unxz`", (b"\xfd7zXZ",), (".xz",)),
    Format("a 7-Zip archive", "unpack it", (b"7z\xbc\xaf\x27\x1c",), (".7z",)),
    Format("a RAR archive", "unpack it", (b"Rar!\x1a\x07",), (".rar",)),
    Format("a tar archive", "unpack it", endings=(".tar", ".tgz")),
    Format("an Arrow or Feather file", "convert it to Parquet", (b"ARROW1",), (".arrow", ".feather")),
    Format("an SQLite database", "export its table as CSV", (b"SQLite format 3",), (".sqlite", ".db")),
    Format(
        "UTF-16 text", "convert it to UTF-8, for example with `iconv -f UTF-16 -t UTF-8`", (b"\xff\xfe", b"\xfe\xff")
    ),
    Format(
        "a pointer of Git LFS instead of the file",
        "fetch the file with `git lfs pull`",
        (b"version https://git-lfs",),
    ),
)
_MARKUP: Final = (b"<!doctype", b"<html", b"<?xml")
_CSV_NAMES: Final = (".csv", ".csv.gz")
_CONVERT: Final = "write it as .csv, .csv.gz or .parquet"


def check_start(path: Path, suffix: str) -> None:
    """Refuse a file whose first bytes show that it is not what its name says.

    Args:
        path: Of the file.
        suffix: ".csv", ".gz" or ".parquet".

    Raises:
        InputError: It is empty or something else. Names what it is, and the remedy.
    """
    if path.stat().st_size == 0:
        raise InputError(f"{path} is empty (0 bytes): download or write it again.")
    with path.open("rb") as file:
        start = file.read(_FIRST_BYTES)
    found = None
    if suffix == ".gz" and not start.startswith(_GZIP):
        found = _other_format(start, ".csv") or ("not gzip-compressed", "rename it to end in .csv, or compress it")
    elif suffix == ".gz":
        with contextlib.suppress(EOFError, gzip.BadGzipFile, zlib.error), gzip.open(path, "rb") as file:
            first = file.read(_FIRST_BYTES)  # a damaged file is reported afterwards
            twice = "gzip-compressed twice", "decompress it once with `gunzip`"
            found = twice if first.startswith(_GZIP) else _other_format(first, suffix)
    else:
        found = _other_format(start, suffix)
    if found:
        raise InputError(f"{path} is {found[0]}: {found[1]}.")


def check_gzip(path: Path) -> None:
    """Refuse a gzip file that is damaged or truncated."""
    # DuckDB detects a truncated file but ignores the checksum: damaged data would become plausible rows.
    try:
        with gzip.open(path, "rb") as blocks:
            while blocks.read(_MEBIBYTE):
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path} is a damaged or truncated gzip file ({first_line(error)}): download or copy it again."
        ) from error


def _other_format(start: bytes, suffix: str) -> tuple[str, str] | None:
    """Recognize a file that is not what its name says.

    Args:
        start: the first bytes of the file, decompressed if the name ends in .gz.
        suffix: ".csv", ".csv.gz" or ".parquet", what the name says.

    Returns:
        What the file is, and the remedy; None if nothing speaks against its name.
    """
    found = next((each for each in _FORMATS if start.startswith(each.first_bytes)), None)
    if found is not None:
        return None if (found.first_bytes, suffix) == (_PARQUET, ".parquet") else (found.kind, found.remedy)
    if suffix == ".parquet":
        return None if b"\0" in start else ("text", "rename it to end in .csv if it is CSV, or write it again")
    if start.lower().lstrip().startswith(_MARKUP):
        return "a web page or XML instead of CSV", "download it again, logged in if the site asks for it"
    if start.lstrip()[:1] in {b"{", b"["}:
        return "JSON", "convert it to CSV or Parquet"
    header = start.split(b"\n")[0]
    if header.count(b"\0") * 3 > len(header) > 0:
        return "UTF-16 text", "convert it to UTF-8, for example with `iconv -f UTF-16LE -t UTF-8`"
    return None


def unread_file(folder: Path, table: str) -> tuple[Path, str] | None:
    """Find the file or folder of a table whose name has an ending that is not read.

    Returns:
        The path and the remedy; None if nothing in the folder is named like the table.
    """
    for path in sorted(folder.iterdir()):
        if path.name.split(".")[0].casefold() != table.casefold():
            continue
        if path.is_symlink() and not path.exists():
            return path, f"it is a link to {path.readlink()}, which does not exist"
        if path.is_dir():
            return path, f"name a folder of Parquet files {table}.parquet, or join the parts of a CSV file into one"
        for each in _FORMATS:
            if path.name.casefold().endswith(each.endings):
                return path, each.remedy
        right = [ending for ending in (*_CSV_NAMES, ".parquet") if path.name.casefold() == f"{table}{ending}"]
        return path, f"rename it to {table}{right[0]}" if right else _CONVERT
    return None
