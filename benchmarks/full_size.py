"""Builds feature tables from raw tables of the size of the H&M data.

    .venv/bin/python benchmarks/full_size.py

Writes seeded CSV files (31.8 million purchases of 1.37 million customers and 105,542 articles over two years, baskets
of three, 64-character customer ids, a few customers and articles with a large share of the sales), runs
jobs/build_features.py on them, and prints seconds, peak memory and rows per second. Needs 15 GB of disk.
"""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import click
import duckdb

from features.raw.raw_files import REQUIRED_TABLES
from features.sql import literal
from jobs.console import ROOT, commit

# Powers of uniform numbers: the first 10 % of customers make 25 % of purchases, and the first 1 % of articles make
# 20 % of sales.
_CUSTOMERS = """
    copy (select sha256('{seed}-' || i) as customer_id, if(i % 100 = 0, null, 16 + hash(i) % 60) as age
          from range({customers}) as r(i)) to {customers_csv} (header)
"""
_ARTICLES = """
    copy (select lpad((108775015 + i)::varchar, 10, '0') as article_id, 'Group ' || i % 21 as garment_group_name,
                 'Index ' || i % 5 as index_group_name
          from range({articles}) as r(i)) to {articles_csv} (header)
"""
_PURCHASES = """
    copy (
        select date '2018-09-20' + (basket * 3 * 734 // {purchases})::integer as t_dat,
               sha256('{seed}-' || least(({customers} * pow(u, 1.6))::bigint, {customers} - 1)) as customer_id,
               lpad((108775015 + least(({articles} * pow(v, 3))::bigint, {articles} - 1))::varchar, 10, '0')
                   as article_id,
               round(0.001 + 0.05 * w, 6) as price,
               1 + (w > 0.3)::integer as sales_channel_id
        from (
            select i // 3 as basket,
                   hash(i // 3, {seed}) / 18446744073709551616.0 as u,
                   hash(i, {seed} + 1) / 18446744073709551616.0 as v,
                   hash(i, {seed} + 2) / 18446744073709551616.0 as w
            from range({purchases}) as r(i)
        )
    ) to {transactions_train_csv} (header)
"""


@click.command()
@click.option("--purchases", default=31_800_000, show_default=True)
@click.option("--customers", default=1_371_980, show_default=True)
@click.option("--articles", default=105_542, show_default=True)
@click.option("--memory-limit", default="4GB", show_default=True)
@click.option("--seed", default=1, show_default=True)
def main(purchases: int, customers: int, articles: int, memory_limit: str, seed: int) -> None:
    """Write full-size raw tables, build the feature tables, and print time, memory and throughput."""
    with tempfile.TemporaryDirectory(prefix="full-size-", dir=ROOT) as name:
        folder = Path(name)
        write_raw_tables(folder, purchases=purchases, customers=customers, articles=articles, seed=seed)
        raw = sum(path.stat().st_size for path in folder.glob("*.csv")) / 2**30
        started = time.perf_counter()
        script = str(ROOT / "jobs" / "build_features.py")
        options = ["--raw-dir", name, "--output", str(folder / "features"), "--memory-limit", memory_limit]
        process = subprocess.Popen([sys.executable, script, *options])
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        if status:
            raise click.ClickException("build_features failed")
        written = sum(path.stat().st_size for path in (folder / "features").iterdir()) / 2**30
    print(
        f"{purchases:,} purchases ({raw:.1f} GiB of CSV) to {written:.1f} GiB of feature tables in {seconds:.0f} s, "
        f"{purchases / seconds:,.0f} rows/s, peak {usage.ru_maxrss / 2**20:.1f} GiB "
        f"with a DuckDB limit of {memory_limit}; seed {seed}, commit {commit()}"
    )


def write_raw_tables(folder: Path, *, purchases: int, customers: int, articles: int, seed: int) -> None:
    """Write seeded raw tables as CSV."""
    sizes = {"purchases": purchases, "customers": customers, "articles": articles, "seed": seed}
    files = {f"{name}_csv": literal(folder / f"{name}.csv") for name in REQUIRED_TABLES}
    with duckdb.connect() as connection:
        for query in (_CUSTOMERS, _ARTICLES, _PURCHASES):
            connection.execute(query.format(**sizes, **files))


if __name__ == "__main__":
    main()
