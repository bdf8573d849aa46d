"""Writes generated raw tables of the size and proportions of the H&M data, whose best achievable recall is known.

    python benchmarks/hm_world.py --scale 0.01 --output data/hm_world
    python jobs/build_features.py --raw-dir data/hm_world --output data/hm_features

At scale 1: 31,788,324 purchases from 2018-09-20 to 2020-09-22, 1,371,980 customers and 105,542 articles. Customers and
purchases shrink in proportion to the scale. The catalogue shrinks with its square root (10,554 articles at 0.01): with
all articles an article would have 3 purchases at 0.01, and with a hundredth of them a list of 100 would hold half of
what is for sale.

Customers have latent tastes, favourite departments and a history; articles have latent vectors, of which their
categories explain two thirds, a life cycle of weeks, and other colours; departments follow seasons and trends. The
purchases are drawn from these (`hm_data/choices.py`). The script prints statistics beside those of the H&M data, and
the recall in the last week of the lists by the true probabilities (`hm_data/optimum.py`) beside that of bestsellers:
the room for a model.

Equal seed, scale and options give equal bytes, whatever the number of threads. OUTPUT is replaced as a whole.
"""

import math
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hm_data import catalogue, choices, customers, market, optimum, purchases, raw_tables, statistics
from pyarrow import csv

from features.errors import InputError
from features.files import atomic_write
from features.progress import Progress
from features.raw.raw_files import ARTICLES, CUSTOMERS, REQUIRED_TABLES, TRANSACTIONS
from features.report_table import ReportTable
from jobs.console import ROOT, ConsoleReporter, commit, job, path_option, seed_option

HM_PURCHASES, HM_CUSTOMERS, HM_ARTICLES = 31_788_324, 1_371_980, 105_542
FORMATS: Final = ("parquet", "csv")


@dataclass(frozen=True)
class Size:
    """Numbers of rows of the raw tables; `reseller` adds a customer of 50,000 purchases."""

    customers: int
    articles: int
    purchases: int
    reseller: bool = False

    @classmethod
    def of(cls, scale: float, *, reseller: bool = False) -> "Size":
        """Return the size at a scale; 1 is that of the H&M data.

        Raises:
            InputError: the scale is not a number.
        """
        if math.isnan(scale):  # which is in every range of click
            raise InputError("--scale is not a number: use one from 0.01 to 1.")
        return cls(
            round(HM_CUSTOMERS * scale), round(HM_ARTICLES * math.sqrt(scale)), round(HM_PURCHASES * scale), reseller
        )


@dataclass(frozen=True, eq=False)
class World:
    """The generated data and the tables of their probabilities."""

    seed: int
    catalogue: catalogue.Catalogue
    customers: customers.Customers
    choice_tables: choices.Tables
    purchases: purchases.Purchases


@click.command()
@click.option(
    "--scale", type=click.FloatRange(0.01, 1), default=0.01, show_default=True, help="1 is the size of the H&M data."
)
@path_option(
    "--output", folder=True, default=ROOT / "data" / "hm_world", text="Folder of the raw tables; replaced as a whole."
)
@click.option("--format", "file_format", type=click.Choice(FORMATS), default="parquet", show_default=True)
@click.option("--reseller", is_flag=True, help="Add purchases: the last customer makes 50,000.")
@click.option(
    "--sample",
    type=click.IntRange(2),
    default=3_000,
    show_default=True,
    help="Customers for the best achievable recall.",
)
@click.option("--threads", type=click.IntRange(1), default=os.cpu_count() or 1, show_default=True)
@seed_option
@job
def main(
    reporter: ConsoleReporter,
    scale: float,
    output: Path,
    file_format: str,
    sample: int,
    threads: int,
    seed: int,
    *,
    reseller: bool,
) -> None:
    """Write generated raw tables of the size of the H&M data, and print their statistics."""
    check_output(output)
    reporter.stage("draw purchases")
    world = generate(Size.of(scale, reseller=reseller), seed, threads=threads, progress=reporter.progress)
    reporter.stage("write raw tables")
    write_world(world, output, file_format, progress=reporter.progress)
    reporter.stage("measure")
    generator = _generator(seed, 4)
    recalls = optimum.measure_recalls(
        generator, world.customers, world.catalogue, world.choice_tables, world.purchases, sample=sample
    )
    reporter.table(statistics.statistics_table(world.customers, world.catalogue, world.purchases))
    reporter.result("* in a sample of 0.1 % of the H&M customers\n")
    reporter.table(recall_table(recalls))
    size = sum(path.stat().st_size for path in output.iterdir())
    reporter.result(
        f"{recalls.users:,} buyers of the last week, +- one standard error\n\n{len(world.purchases):,} purchases, "
        f"{len(world.customers):,} customers, {len(world.catalogue):,} articles, {size / 2**20:,.0f} MiB in {output} "
        f"after {reporter.watch.seconds:.0f} s; seed {seed}, scale {scale:g}, commit {commit()}"
    )
    reporter.next(f"python jobs/build_features.py --raw-dir {output}")


def check_output(output: Path) -> None:
    """Refuse an output folder that holds anything but raw tables.

    Raises:
        InputError: it does, or it is a file.
    """
    if output.exists() and not output.is_dir():
        raise InputError(f"{output} is a file: --output takes a folder for the raw tables.")
    own = {f"{table}.{file_format}" for table in REQUIRED_TABLES for file_format in FORMATS}
    others = sorted(path.name for path in output.iterdir() if path.name not in own) if output.is_dir() else []
    if others:
        raise InputError(
            f"{output} holds {others[0]}{' and more' if others[1:] else ''}, which would be deleted: pass another "
            "folder with --output."
        )


def generate(size: Size, seed: int, *, threads: int, progress: Progress) -> World:
    """Draw a world; it does not depend on the number of threads."""
    sales = customers.department_sales(_generator(seed, 0))
    articles = catalogue.draw_catalogue(_generator(seed, 1), size.articles, sales)
    buyers = customers.draw_customers(
        _generator(seed, 2), size.customers, size.purchases, sales, reseller=size.reseller
    )
    week_by_week = market.draw_market(_generator(seed, 3), articles, buyers.persona_sales)
    advance = progress("purchases", int(buyers.purchases.sum()))
    bought = purchases.draw_purchases((seed, 5), buyers, articles, week_by_week, threads=threads, advance=advance)
    return World(seed, articles, buyers, choices.tables(articles, week_by_week), bought)


def write_world(world: World, output: Path, file_format: str, *, progress: Progress) -> None:
    """Write the raw tables of a world into a folder, which is replaced as a whole."""
    advance = progress("rows written", len(world.purchases))
    with atomic_write(output) as folder:
        folder.mkdir()
        for table, name in (
            (raw_tables.customers_table(_generator(world.seed, 6), world.customers), CUSTOMERS),
            (raw_tables.articles_table(_generator(world.seed, 7), world.catalogue), ARTICLES),
        ):
            write = _writer(folder / f"{name}.{file_format}", table.schema)
            write(table)
            write(None)
        write = _writer(folder / f"{TRANSACTIONS}.{file_format}", raw_tables.TRANSACTION_COLUMNS)
        for batch in raw_tables.transaction_batches(world.customers, world.catalogue, world.purchases):
            write(pa.Table.from_batches([batch]))
            advance(batch.num_rows)
        write(None)


def recall_table(recalls: optimum.Recalls) -> ReportTable:
    """Return the table of the recalls in the last week."""
    columns = ("list", *(f"recall@{k}" for k in optimum.CUTOFFS))
    rows = [
        (name, *(f"{recalls.mean(name, k):.4f} +- {recalls.error(name, k):.4f}" for k in optimum.CUTOFFS))
        for name in recalls.by_list
    ]
    return ReportTable.of(columns, rows, text_columns=("list",))


def _writer(path: Path, columns: pa.Schema) -> Callable[[pa.Table | None], None]:
    """Open a file; the result writes a table, or closes the file for None."""
    if path.suffix == ".csv":
        writer = csv.CSVWriter(path, columns, write_options=csv.WriteOptions(quoting_style="none"))
    else:
        # The ids of a batch are repeated in baskets, and a dictionary holds them once.
        writer = pq.ParquetWriter(path, columns, compression="zstd", dictionary_pagesize_limit=1 << 26)

    def write(table: pa.Table | None) -> None:
        if table is None:
            writer.close()
        else:
            writer.write_table(table)

    return write


def _generator(seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng([seed, purpose])


if __name__ == "__main__":
    main()
