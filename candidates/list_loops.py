"""Compiled loops over n lists of positions, held as `offsets`, int64 (n + 1,), and `positions`, int32 (m,).

Lists in any order are searched through a hash table of one list at a time, small enough for the processor's cache. A
slot holds the number of the list, from 1, in its upper half, and a position in its lower half: what earlier lists left
counts as empty, so that the table is cleared once.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from candidates.compiled import compiled

VALID: Final = 0
FALLING_OFFSETS: Final = 1
NEGATIVE_POSITION: Final = 2
REPEATED_POSITION: Final = 3

_MULTIPLIER: Final = np.uint64(0x9E3779B97F4A7C15)  # 2**64 / golden ratio, odd (Knuth, TAOCP 3, section 6.4)
_HALF: Final = np.uint64(32)


@compiled
def check_lists(offsets: NDArray[np.int64], positions: NDArray[np.int32]) -> tuple[int, bool]:
    """Return what is wrong, and whether the positions of every list ascend.

    Offsets must start at 0 and end at the number of positions.
    """
    if (offsets[1:] < offsets[:-1]).any():
        return FALLING_OFFSETS, False
    ascending = True
    for row in range(len(offsets) - 1):
        last = np.int32(-1)
        for entry in range(offsets[row], offsets[row + 1]):
            if positions[entry] < 0:
                return NEGATIVE_POSITION, False
            ascending &= positions[entry] > last
            last = positions[entry]
    if ascending or not _has_repeats(offsets, positions):
        return VALID, ascending
    return REPEATED_POSITION, False


@compiled
def _has_repeats(offsets: NDArray[np.int64], positions: NDArray[np.int32]) -> bool:
    """Return whether a list holds a position twice; positions are at least 0."""
    bits = _table_bits(offsets)
    slots = np.zeros(1 << bits, np.uint64)
    mask, shift = np.uint64(len(slots) - 1), np.uint64(64 - bits)
    for row in range(len(offsets) - 1):
        own = np.uint64(row + 1) << _HALF
        for entry in range(offsets[row], offsets[row + 1]):
            position = np.uint64(positions[entry])
            slot = (position * _MULTIPLIER) >> shift
            while slots[slot] >= own:
                if slots[slot] == own | position:
                    return True
                slot = (slot + np.uint64(1)) & mask
            slots[slot] = own | position
    return False


@compiled
def find_in_lists(
    offsets: NDArray[np.int64],
    positions: NDArray[np.int32],
    rows: NDArray[np.int64],
    wanted: NDArray[np.int32],
) -> NDArray[np.int64]:
    """Return the entry of each pair of list and position, int64 (pairs,), -1 where it is not listed; rows ascend."""
    found = np.full(len(rows), -1, np.int64)
    bits = _table_bits(offsets)
    slots, entries = np.zeros(1 << bits, np.uint64), np.empty(1 << bits, np.int64)
    mask, shift = np.uint64(len(slots) - 1), np.uint64(64 - bits)
    listed, own = np.int64(-1), np.uint64(0)
    for pair in range(len(rows)):
        if rows[pair] >= len(offsets) - 1 or wanted[pair] < 0:
            continue
        if rows[pair] != listed:
            listed = rows[pair]
            own = np.uint64(listed + 1) << _HALF
            for entry in range(offsets[listed], offsets[listed + 1]):
                position = np.uint64(positions[entry])
                slot = (position * _MULTIPLIER) >> shift
                while slots[slot] >= own:
                    slot = (slot + np.uint64(1)) & mask
                slots[slot], entries[slot] = own | position, entry
        position = np.uint64(wanted[pair])
        slot = (position * _MULTIPLIER) >> shift
        while slots[slot] >= own:
            if slots[slot] == own | position:
                found[pair] = entries[slot]
                break
            slot = (slot + np.uint64(1)) & mask
    return found


@compiled
def take_lists(
    offsets: NDArray[np.int64], positions: NDArray[np.int32], lists: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return offsets and positions of the given lists, in the order given."""
    taken_offsets = np.zeros(len(lists) + 1, np.int64)
    for row in range(len(lists)):
        taken_offsets[row + 1] = taken_offsets[row] + offsets[lists[row] + 1] - offsets[lists[row]]
    taken = np.empty(taken_offsets[-1], np.int32)
    for row in range(len(lists)):
        taken[taken_offsets[row] : taken_offsets[row + 1]] = positions[offsets[lists[row]] : offsets[lists[row] + 1]]
    return taken_offsets, taken


@compiled
def merge_lists(
    offsets: NDArray[np.int64],
    positions: NDArray[np.int32],
    other_offsets: NDArray[np.int64],
    other_positions: NDArray[np.int32],
) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """Return offsets and positions of the union of each two lists; positions of all lists ascend."""
    merged_offsets = np.zeros(len(offsets), np.int64)
    merged = np.empty(len(positions) + len(other_positions), np.int32)
    count = np.int64(0)
    for row in range(len(offsets) - 1):
        entry, stop = offsets[row], offsets[row + 1]
        other, other_stop = other_offsets[row], other_offsets[row + 1]
        while entry < stop and other < other_stop:
            first, second = positions[entry], other_positions[other]
            merged[count] = min(first, second)
            entry += first <= second
            other += second <= first
            count += 1
        while entry < stop:
            merged[count] = positions[entry]
            entry, count = entry + 1, count + 1
        while other < other_stop:
            merged[count] = other_positions[other]
            other, count = other + 1, count + 1
        merged_offsets[row + 1] = count
    return merged_offsets, merged[:count].copy()


@compiled
def drop_missing(
    offsets: NDArray[np.int64], positions: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the offsets of the lists without negative positions, and the entries that remain."""
    kept_offsets, kept, count = np.zeros(len(offsets), np.int64), np.empty(len(positions), np.int64), np.int64(0)
    for row in range(len(offsets) - 1):
        for entry in range(offsets[row], offsets[row + 1]):
            kept[count] = entry
            count += positions[entry] >= 0
        kept_offsets[row + 1] = count
    return kept_offsets, kept[:count].copy()


@compiled
def _table_bits(offsets: NDArray[np.int64]) -> int:
    """Return the binary logarithm of the size of a hash table that no list fills by more than half."""
    longest, bits = 0, 1
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    while (1 << bits) < 2 * longest:
        bits += 1
    return bits
