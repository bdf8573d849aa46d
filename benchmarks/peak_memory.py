"""The most memory that this process has held."""

from pathlib import Path


def peak_gb() -> float:
    """Resident memory at its highest (10^9 bytes); unlike ru_maxrss it leaves out the parent's before the process."""
    status = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    [line] = [line for line in status if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024 / 1e9
