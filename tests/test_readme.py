"""The README's commands exist, its links lead somewhere, and its tree is the one on disk."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCED = re.findall(r"^```\w*\n(.*?)^```$", README, flags=re.MULTILINE | re.DOTALL)
INLINE = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```$", "", README, flags=re.MULTILINE | re.DOTALL))
CODE = [line for block in FENCED for line in block.splitlines()] + INLINE
TREE_LINE = re.compile(r"^([\w./-]+/)\s{2,}\S.*$")


def found(pattern):
    return sorted({match for line in CODE for match in re.findall(pattern, line)})


def tree_block():
    (block,) = [block for block in FENCED if all(TREE_LINE.match(line) for line in block.strip().splitlines())]
    return [TREE_LINE.match(line)[1].rstrip("/") for line in block.strip().splitlines()]


def test_every_script_exists():
    scripts = found(r"\b((?:jobs|benchmarks|feature_repo|features)/\w+\.(?:py|yaml))\b")

    assert "jobs/train.py" in scripts
    assert [script for script in scripts if not (ROOT / script).is_file()] == []


def test_every_job_is_in_the_readme():
    jobs = {
        f"jobs/{path.name}" for path in (ROOT / "jobs").glob("*.py") if "@click.command()" in path.read_text("utf-8")
    }

    assert jobs - set(found(r"\b(jobs/\w+\.py)\b")) == set()


def test_every_make_verb_exists():
    verbs = found(r"^make (\w+)")
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert {"demo", "test"} <= set(verbs)
    assert set(verbs) - set(re.findall(r"^(\w+):", makefile, flags=re.MULTILINE)) == set()


def test_the_two_commands_stand_at_the_top():
    assert [line.split("#")[0].strip() for line in FENCED[0].strip().splitlines()] == ["make demo", "make test"]


def test_every_option_is_one_of_a_job_or_benchmark():
    options = set(found(r"(?<![\w-])(--[a-z][a-z-]*)"))
    scripts = [path for room in ("jobs", "benchmarks") for path in (ROOT / room).glob("*.py")]
    known = "\n".join(path.read_text(encoding="utf-8") for path in scripts)

    assert "--already-bought" in options
    assert options - set(re.findall(r'"(--[a-z-]+)"', known)) - {"--help"} == set()


def test_every_link_inside_the_project_leads_to_a_file():
    links = [link for link in re.findall(r"\]\(([^)#\s]+)\)", README) if "://" not in link]

    assert len(links) > 0
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_tree_names_the_folders_that_there_are():
    named = tree_block()

    assert [folder for folder in named if not (ROOT / folder).is_dir()] == []
    assert len(set(named)) == len(named) > 0


@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="not a git checkout")
def test_the_tree_leaves_no_folder_out():
    told = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True)  # noqa: S607
    folders = {path.split("/")[0] for path in told.stdout.splitlines() if "/" in path}

    assert {folder for folder in folders if not folder.startswith(".")} == set(tree_block())
