"""Tasks that are shared by forks, each with a project of its own."""

import json
import os
import shutil
import tempfile
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TypeAlias

from fault_injection.project import Project
from fault_injection.scenarios import BASE
from fault_injection.verdict import Trial

Task: TypeAlias = Callable[[Project], Iterator[Trial]]


def run_tasks(tasks: Sequence[Task], workers: int, checkout: Path) -> Iterator[Trial]:
    """Run tasks, the first ones first, and yield their trials as they end.

    Args:
        tasks: each gets a project in its first state.
        workers: number of processes.
        checkout: of this project.

    Raises:
        RuntimeError: a worker failed.
    """
    waiting, numbers = os.pipe()
    os.write(numbers, bytes(range(len(tasks))))  # a read of one byte takes one task
    os.close(numbers)
    read, write = os.pipe()
    processes = []
    for _ in range(workers):
        process = os.fork()
        if process == 0:
            os.close(read)
            _work(tasks, waiting, write, checkout)
        processes.append(process)
    os.close(write)
    os.close(waiting)
    with os.fdopen(read, encoding="utf-8") as lines:
        for line in lines:
            yield Trial(**json.loads(line))
    statuses = [os.waitpid(process, 0)[1] for process in processes]
    if any(statuses):
        raise RuntimeError("A worker failed.")


def _work(tasks: Sequence[Task], waiting: int, write: int, checkout: Path) -> None:
    status, folder = 1, Path(tempfile.mkdtemp(prefix="kill-test-"))
    try:
        project = Project(folder)
        project.create(checkout)
        project.save(BASE)
        while number := os.read(waiting, 1):
            for trial in tasks[number[0]](project):
                os.write(write, json.dumps(asdict(trial)).encode() + b"\n")  # short enough to be written as a whole
        status = 0
    except BaseException:  # noqa: BLE001 - the fork must not return to what its parent does
        traceback.print_exc()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(status)
