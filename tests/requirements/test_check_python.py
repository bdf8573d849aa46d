import re
import runpy
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "requirements" / "check_python.py"
CHECK = runpy.run_path(str(SCRIPT))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LOCKS = ("development.txt", "project.txt")
ALL_LOCKS = (*LOCKS, "audit.txt")


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
@pytest.mark.parametrize("machine", ["linux x86_64", "linux aarch64", "darwin arm64"])
def test_supported_versions_and_platforms_pass(version, machine):
    assert CHECK["unsupported"]("CPython", version, machine) == ""


@pytest.mark.parametrize(
    ("implementation", "version", "machine", "named"),
    [
        ("CPython", "3.10", "linux x86_64", "CPython 3.10"),
        ("CPython", "3.14", "linux x86_64", "CPython 3.14"),
        ("PyPy", "3.11", "linux x86_64", "PyPy 3.11"),
        ("CPython", "3.11", "darwin x86_64", "darwin x86_64"),
        ("CPython", "3.11", "win32 AMD64", "win32 AMD64"),
    ],
)
def test_another_python_is_refused_by_name(implementation, version, machine, named):
    assert named in CHECK["unsupported"](implementation, version, machine)


def test_a_python_without_ensurepip_is_refused_with_the_package_to_install():
    assert "python3-venv" in CHECK["unsupported"]("CPython", "3.11", "linux x86_64", has_ensurepip=False)


def test_the_python_of_this_test_passes():
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stderr) == (0, "")


def test_the_metadata_declares_the_same_versions():
    classifiers = [line.rpartition(" :: ")[2] for line in PROJECT["project"]["classifiers"]]

    assert tuple(text for text in classifiers if re.fullmatch(r"3\.\d+", text)) == CHECK["VERSIONS"]
    assert PROJECT["project"]["requires-python"] == ">=3.11,<3.14"


def test_the_lock_is_resolved_for_the_same_platforms():
    marker = re.compile(r"sys_platform == '(\w+)' and platform_machine == '(\w+)'")
    resolved = [" ".join(marker.search(line).groups()) for line in PROJECT["tool"]["uv"]["environments"]]

    assert tuple(resolved) == CHECK["PLATFORMS"]


@pytest.mark.parametrize("name", ALL_LOCKS)
def test_every_line_of_a_lock_is_pinned_and_hashed_and_none_names_an_index(name):
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    requirements = re.findall(r"^[a-z0-9].*(?:\n {4}--hash.*)*", text, flags=re.MULTILINE)

    assert len(requirements) > (50 if name in LOCKS else 20)
    assert [line for line in requirements if not re.match(r"[\w.-]+(\[\w+\])?==\S+", line)] == []
    assert [line for line in requirements if "--hash=sha256:" not in line] == []
    assert "://" not in text
    assert "index-url" not in text


@pytest.mark.parametrize("name", LOCKS)
def test_all_environments_get_the_same_version_of_a_package(name):
    text = (ROOT / "requirements" / name).read_text(encoding="utf-8")
    names = re.findall(r"^([\w.-]+)(?:\[\w+\])?==", text, flags=re.MULTILINE)

    assert len(set(names)) == len(names)
    assert re.findall(r"^tensorflow==(\d+\.\d+)", text, flags=re.MULTILINE) == ["2.21"]


def test_the_production_lock_has_the_versions_of_the_development_lock():
    development, project = (
        set(re.findall(r"^([\w.-]+(?:\[\w+\])?==\S+)", (ROOT / "requirements" / name).read_text("utf-8"), re.MULTILINE))
        for name in LOCKS
    )

    assert project < development


def commands_of(target):
    make = shutil.which("make")
    done = subprocess.run(
        [make, "--dry-run", "--always-make", target], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_the_audit_covers_the_production_lock_and_fails_for_packages_that_cannot_be_looked_up():
    commands = commands_of("audit")

    assert "-r requirements/project.txt" in commands
    assert "--strict" in commands
    assert "error: a locked package has a known vulnerability, or could not be" in commands


def test_the_list_of_packages_is_made_from_the_production_lock_without_a_time_or_a_random_number():
    commands = commands_of("sbom")

    assert "cyclonedx_py requirements requirements/project.txt" in commands
    assert "--output-reproducible" in commands


def test_tools_of_the_audit_are_not_installed_with_the_project():
    names = {
        name: set(
            re.findall(r"^([\w.-]+)(?:\[\w+\])?==", (ROOT / "requirements" / name).read_text("utf-8"), re.MULTILINE)
        )
        for name in ALL_LOCKS
    }

    assert {"pip-audit", "cyclonedx-bom"} <= names["audit.txt"]
    assert not {"pip-audit", "cyclonedx-bom"} & (names["development.txt"] | names["project.txt"])
