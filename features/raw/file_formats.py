"""Recognizes what a file really is from its first bytes, to name the remedy when it is not what its name says."""

from pathlib import Path
from typing import Final

FIRST_BYTES: Final = 512

# First bytes, what they begin, and the remedy.
_SIGNATURES: Final = (
    (b"PK\x03\x04", "a ZIP archive or an Excel workbook", "unzip it, or save the sheet as CSV"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook", "save the sheet as CSV"),
    (b"\x1f\x8b", "gzip-compressed", "rename it to end in .csv.gz"),
    (b"PAR1", "a Parquet file", "rename it to end in .parquet"),
    (b"\x28\xb5\x2f\xfd", "compressed with zstd", "decompress it with `zstd -d`"),
    (b"BZh91AY&SY", "compressed with bzip2", "decompress it with `bunzip2`"),
    (b"\xfd7zXZ", "compressed with xz", "decompress it with `unxz`"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it"),
    (b"ARROW1", "an Arrow or Feather file", "convert it to Parquet"),
    (b"SQLite format 3", "an SQLite database", "export its table as CSV"),
    (b"\xff\xfe", "UTF-16 text", "convert it to UTF-8, for example with `iconv -f UTF-16 -t UTF-8`"),
    (b"\xfe\xff", "UTF-16 text", "convert it to UTF-8, for example with `iconv -f UTF-16 -t UTF-8`"),
    (b"version https://git-lfs", "a pointer of Git LFS instead of the file", "fetch the file with `git lfs pull`"),
)
_MARKUP: Final = (b"<!doctype", b"<html", b"<?xml")
_CSV_NAMES: Final = (".csv", ".csv.gz")

_UNPACK: Final = {
    ".zip": "unzip it",
    ".zst": "decompress it with `zstd -d`",
    ".bz2": "decompress it with `bunzip2`",
    ".xz": "decompress it with `unxz`",
    ".7z": "unpack it",
    ".rar": "unpack it",
    ".tar": "unpack it",
    ".tgz": "unpack it",
}
_CONVERT: Final = "write it as .csv, .csv.gz or .parquet"


def other_format(start: bytes, suffix: str) -> tuple[str, str] | None:
    """Recognize a file that is not what its name says.

    Args:
        start: the first bytes of the file, decompressed if the name ends in .gz.
        suffix: ".csv", ".csv.gz" or ".parquet", what the name says.

    Returns:
        What the file is, and the remedy; None if nothing speaks against its name.
    """
    for signature, kind, remedy in _SIGNATURES:
        if start.startswith(signature):
            return None if suffix == ".parquet" and signature == b"PAR1" else (kind, remedy)
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
        if path.is_dir():
            return path, f"name a folder of Parquet files {table}.parquet, or join the parts of a CSV file into one"
        for ending, remedy in _UNPACK.items():
            if path.name.casefold().endswith(ending):
                return path, remedy
        right = [ending for ending in (*_CSV_NAMES, ".parquet") if path.name.casefold() == f"{table}{ending}"]
        return path, f"rename it to {table}{right[0]}" if right else _CONVERT
    return None
