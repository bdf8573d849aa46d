"""Check that the locked packages have wheels for the Python that runs this file; `make setup` calls it first."""

import platform
import sys
from importlib.util import find_spec

VERSIONS = ("3.11", "3.12", "3.13")
PLATFORMS = ("linux x86_64", "linux aarch64", "darwin arm64")


def unsupported(implementation: str, version: str, machine: str, *, has_ensurepip: bool = True) -> str:
    """Return what is wrong and what to do about it; an empty text if nothing is wrong."""
    if implementation != "CPython" or version not in VERSIONS:
        return (
            f"found {implementation} {version}, need CPython {', '.join(VERSIONS[:-1])} or {VERSIONS[-1]}; "
            "select one with make setup PYTHON=/path/to/python3.11"
        )
    if machine not in PLATFORMS:
        return f"no TensorFlow wheel in the lock for {machine}; supported platforms: {', '.join(PLATFORMS)}"
    if not has_ensurepip:
        return "Python cannot create virtual environments; on Debian or Ubuntu: apt-get install python3-venv"
    return ""


if __name__ == "__main__":
    message = unsupported(
        platform.python_implementation(),
        ".".join(platform.python_version_tuple()[:2]),
        f"{sys.platform} {platform.machine()}",
        has_ensurepip=find_spec("ensurepip") is not None,
    )
    if message:
        sys.exit(f"error: {message} ({sys.executable})")
