"""The verdict on one trial: survived, silent, or failed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from fault_injection.readers import Seen


@dataclass
class Trial:
    """One fault that was tried.

    Attributes:
        kind: of the fault, a row of the table.
        name: what was done, so that it can be found again.
        silent: what was wrong although the exit status was 0.
        failed: what else was not survived: an unclear message, a next run that fails, a file that stays.
    """

    kind: str
    name: str
    silent: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def survived(self) -> bool:
        """Whether nothing was wrong."""
        return not self.silent and not self.failed

    def compare(self, seen: Mapping[str, Seen], allowed: Iterable[Mapping[str, Seen]], when: str) -> None:
        """Compare what readers see with the whole states that they may see; they may also be refused."""
        states = list(allowed)
        for reader, found in seen.items():
            if found.kind == "read" and found not in [state[reader] for state in states]:
                self.silent.append(f"{when}, {reader} reads neither of the whole states")
            if found.kind == "crashed":
                self.failed.append(f"{when}, {reader} ends without a clear message: {found.content[:200]}")

    def expect(self, seen: Mapping[str, Seen], state: Mapping[str, Seen], when: str) -> None:
        """Compare what readers see with the one state that they must see; messages may differ in wording."""
        self.compare(seen, [state], when)
        for reader, found in seen.items():
            if found.kind != state[reader].kind and found.kind == "refused":
                self.failed.append(f"{when}, {reader} is refused: {found.content[:200]}")

    def expect_no_leftovers(self, leftovers: list[str]) -> None:
        """Record scratch folders, locks and journals that remain."""
        if leftovers:
            self.failed.append(f"these remain: {', '.join(leftovers[:5])}")
