"""Compilation of inner loops by numba: no Python object inside, and no lock on the interpreter while they run.

A compiled function may call compiled functions of its own file only. Machine code is cached beside the source file and
compiled again when that file changes; a change in another file would go unnoticed (`tests/test_architecture.py` checks
the rule). Each function is compiled for the types of its first call, so callers pass arrays of fixed dtypes.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Compile a function of numbers and arrays; every operation is that of IEEE 754, in the order written."""
    result: _Function = numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    return result


def compiled_sums(function: _Function) -> _Function:
    """Compile a function whose sums may be reordered, so that they use the processor's vector instructions.

    The order is fixed when the function is compiled: equal arguments give equal results on one machine. NaN and
    infinity keep their meaning.
    """
    flags = {"reassoc", "contract", "nsz"}
    result: _Function = numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=flags)(function)
    return result
