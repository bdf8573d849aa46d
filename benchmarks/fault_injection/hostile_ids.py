"""Hostile ids of users and items, from the raw tables to the candidate file and the terminal."""

import csv
import shutil
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from fault_injection.forks import Command, Ended, run, run_all
from fault_injection.project import RELEASE_END, Project
from fault_injection.verdict import Trial
from features.raw.toy_data import write_toy_data

HOSTILE: Final = "hostile id"
_LONGEST: Final = 256
_FAMILY: Final = "\U0001f468\u200d\U0001f469\u200d\U0001f467"

# Ids that are kept, with the id that is expected.
KEPT: Final = {
    "quotes": ('O\'Brien "x"', 'O\'Brien "x"'),
    "SQL": ("'; DROP TABLE users; --", "'; DROP TABLE users; --"),
    "path traversal": ("../../etc/passwd", "../../etc/passwd"),
    "mark of direction": ("a\u202eb\u2066c", "a\u202eb\u2066c"),
    "longest": ("x" * _LONGEST, "x" * _LONGEST),
    "composed letter": ("\u00e9", "\u00e9"),
    "decomposed letter": ("e\u0301", "e\u0301"),
    "leading zeros": ("00012", "00012"),
    "without them": ("12", "12"),
    "nan": ("nan", "nan"),
    "None": ("None", "None"),
    "null": ("null", "null"),
    "blanks around": ("\u00a0 padded \ufeff", "padded"),
    "glob characters": ("[*?]", "[*?]"),
    "commas": ("a,b;c", "a,b;c"),
    "formula": ("=cmd|'/C calc'!A1", "=cmd|'/C calc'!A1"),
    "joined emoji": (_FAMILY, _FAMILY),
    "format": ("%s{0}${HOME}", "%s{0}${HOME}"),
    "markup": ("[red]<b>&amp;</b>", "[red]<b>&amp;</b>"),
}
# Ids that are refused, as bytes, because one of them is not text.
REFUSED: Final = {
    "empty": b"",
    "NUL": b"a\0b",
    "newline": b"a\nb",
    "tab": b"a\tb",
    "terminal escape": b"a\x1b[31mb",
    "surrogate": b"a\xed\xa0\x80b",
    "too long": b"x" * (_LONGEST + 1),
    "ten kilobytes": b"y" * 10_000,
}
_PLACEHOLDER: Final = "REPLACED"


def try_hostile_ids(project: Project) -> Iterator[Trial]:
    """Run the pipeline on a shop of hostile ids, and builds of shops with one invalid id each."""
    shop = Project(project.folder / "hostile")
    shutil.rmtree(shop.folder, ignore_errors=True)
    write_toy_data(shop.raw(), seed=9, users=len(KEPT) + 9, items=max(24, len(KEPT) + 5), days=28)
    shutil.copytree(project.repo, shop.repo)
    shop.candidates.parent.mkdir(parents=True)
    for kind, content in REFUSED.items():
        yield _refuse(shop, kind, content)
    yield from _keep(shop)
    shutil.rmtree(shop.folder)


def _refuse(shop: Project, kind: str, content: bytes) -> Trial:
    trial = Trial(HOSTILE, kind)
    for table, column in (("customers", "customer_id"), ("articles", "article_id")):
        shutil.rmtree(shop.raw("second"), ignore_errors=True)
        shutil.copytree(shop.raw(), shop.raw("second"))
        path = shop.raw("second") / f"{table}.csv"
        _rename(path, column, {_first(path, column): _PLACEHOLDER})
        quoted = b'"' + content + b'"'
        path.write_bytes(path.read_bytes().replace(_PLACEHOLDER.encode(), quoted))
        ended = run(shop.build("second"))
        if ended.status == 0:
            trial.silent.append(f"{table} with this id is accepted")
        elif not ended.refusal or path.name not in ended.refusal or not _is_visible(ended.stderr):
            trial.failed.append(f"{table} with this id: {ended.last_line[:300]}")
    return trial


def _keep(shop: Project) -> Iterator[Trial]:
    users, items = _ids(shop, "customers", "customer_id"), _ids(shop, "articles", "article_id")
    given = [raw for raw, _ in KEPT.values()]
    renamed_users, renamed_items = dict(zip(users, given, strict=False)), dict(zip(items, given, strict=False))
    purchases = shop.raw() / "transactions_train.csv"
    bought: dict[str, set[str]] = {}
    for row in _rows(purchases):
        if row["t_dat"] < RELEASE_END:
            bought.setdefault(row["customer_id"], set()).add(row["article_id"])
    for path, column, names in (
        (shop.raw() / "customers.csv", "customer_id", renamed_users),
        (shop.raw() / "articles.csv", "article_id", renamed_items),
        (purchases, "customer_id", renamed_users),
        (purchases, "article_id", renamed_items),
    ):
        _rename(path, column, names)
    every = len(items)
    run_all(
        [
            shop.build("first"), shop.apply(), shop.train(1), shop.materialize(RELEASE_END),
            shop.generate(every, shop.root / "keep.parquet", "--already-bought", "keep"),
            shop.generate(every, shop.root / "drop.parquet", "--already-bought", "drop"),
        ]
    )  # fmt: skip
    (shop.root / "users.txt").write_text("".join(f"{raw}\n" for raw in given), encoding="utf-8")
    run_all([shop.generate(every, shop.root / "some.parquet", "--users", shop.root / "users.txt")])
    keep, drop, some = (_lists(shop.root / f"{name}.parquet") for name in ("keep", "drop", "some"))
    listed = {item for items_of_user in keep.values() for item in items_of_user}
    expected = dict(zip(items, (own for _, own in KEPT.values()), strict=False))
    for (kind, (raw, own)), user in zip(KEPT.items(), users, strict=False):
        trial = Trial(HOSTILE, kind)
        mine = {expected.get(item, item) for item in bought.get(user, set())}
        if not keep.get(own):
            trial.silent.append("the user has no candidates")
        if some.get(own) != keep.get(own):
            trial.silent.append("the user has other candidates with --users")
        if not mine & set(keep.get(own, [])):
            trial.silent.append("no item that the user bought is among the candidates")
        if mine & set(drop.get(own, [])):
            trial.silent.append("an item that the user bought is not dropped")
        if own not in listed:
            trial.silent.append("no user has the item among the candidates")
        _show(trial, run(_show_command(shop, raw)), kind)
        yield trial


def _show_command(shop: Project, user: str) -> Command:
    places = ("--repo", shop.repo, "--releases", shop.releases)
    return Command.of("show_candidates", *places, "--stage", "rank", "--user", user, "--top", 100)


def _show(trial: Trial, ended: Ended, kind: str) -> None:
    if ended.status:
        trial.failed.append(f"show_candidates ends with status {ended.status}: {ended.last_line[:300]}")
    elif not _is_visible(ended.stdout + ended.stderr):
        trial.silent.append(f"show_candidates prints what a terminal executes ({kind})")


def _is_visible(text: str) -> bool:
    return not any(unicodedata.category(char) in {"Cc", "Cf"} and char not in "\n\u200c\u200d" for char in text)


def _lists(path: Path) -> dict[str, list[str]]:
    lists: dict[str, list[str]] = {}
    for row in pq.ParquetFile(path).read(["user_id", "item_id"]).to_pylist():
        lists.setdefault(row["user_id"], []).append(row["item_id"])
    return lists


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as text:
        return list(csv.DictReader(text))


def _ids(shop: Project, table: str, column: str) -> list[str]:
    return [row[column] for row in _rows(shop.raw() / f"{table}.csv")]


def _first(path: Path, column: str) -> str:
    return _rows(path)[0][column]


def _rename(path: Path, column: str, names: dict[str, str]) -> None:
    rows = _rows(path)
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, column: names.get(row[column], row[column])} for row in rows)
