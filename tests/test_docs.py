"""The documentation is a contract: its commands, options, links, settings and code exist and run."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
GUIDES = sorted((ROOT / "docs").glob("*.md"))
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CONTRIBUTING.md", *GUIDES)
    if path.name != "log.md"  # old entries name what existed then
}
ADRS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in (ROOT / "docs" / "adr").glob("*.md")
}
README = PAGES["README.md"]
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
TREE_LINE = re.compile(r"^([\w./-]+/)\s{2,}\S.*$")


def code_of(page):
    """The lines of fenced blocks, and inline code."""
    text = PAGES[page]
    inline = re.findall(r"`([^`\n]+)`", FENCE.sub("", text))
    return [line for _, block in FENCE.findall(text) for line in block.splitlines()] + inline


def blocks_of(language):
    return [(page, block) for page, text in PAGES.items() for name, block in FENCE.findall(text) if name == language]


def folders_of_the_tree():
    (block,) = [
        block for _, block in FENCE.findall(README) if all(TREE_LINE.match(line) for line in block.strip().splitlines())
    ]
    return [TREE_LINE.match(line)[1].rstrip("/") for line in block.strip().splitlines()]


@pytest.mark.parametrize("page", PAGES)
def test_every_named_script_exists(page):
    scripts = {
        script
        for line in code_of(page)
        for script in re.findall(
            r"(?<![\w/])((?:jobs|benchmarks|feature_repo|features|candidates|evaluation|models|pipelines)/[\w/]+\.(?:py|yaml))\b",
            line,
        )
    }

    assert [script for script in sorted(scripts) if not (ROOT / script).is_file()] == []


def test_every_job_is_in_the_readme():
    jobs = {
        f"jobs/{path.name}" for path in (ROOT / "jobs").glob("*.py") if "@click.command()" in path.read_text("utf-8")
    }
    named = {job for line in code_of("README.md") for job in re.findall(r"\b(jobs/\w+\.py)\b", line)}

    assert "jobs/train.py" in jobs
    assert jobs - named == set()


def test_the_readme_starts_with_two_commands_and_has_at_most_130_lines():
    commands = [block for _, block in FENCE.findall(README) if block.startswith("make demo")]

    assert [line.split("#")[0].strip() for line in commands[0].strip().splitlines()] == ["make demo", "make test"]
    assert len(README.splitlines()) <= 130


@pytest.mark.parametrize("page", PAGES)
def test_every_make_target_exists(page):
    targets = {target for line in code_of(page) for target in re.findall(r"^make ([a-z][a-z-]*)", line)}
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")

    assert targets - set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE)) == set()


@pytest.mark.parametrize("page", PAGES)
def test_every_option_of_a_command_is_one_of_that_script(page):
    unknown = []
    for line in code_of(page):
        command = re.search(r"python ((?:jobs|benchmarks)/\w+\.py)(.*)", line)
        if command is None:
            continue
        source = (ROOT / command[1]).read_text(encoding="utf-8") + (ROOT / "jobs" / "console.py").read_text("utf-8")
        options = re.findall(r"(?<![\w-])(--[a-z][a-z-]*)", command[2])
        unknown += [(command[1], option) for option in options if f'"{option}' not in source and option != "--help"]

    assert unknown == []


@pytest.mark.parametrize("page", [*PAGES, *ADRS])
def test_every_link_inside_the_project_leads_to_a_file(page):
    text = (PAGES | ADRS)[page]
    links = [link for link in re.findall(r"\]\(([^)#\s]+)\)", text) if "://" not in link]

    assert [link for link in links if not (ROOT / page).parent.joinpath(link).exists()] == []


def test_every_guide_is_linked_from_the_readme():
    guides = {f"docs/{path.name}" for path in GUIDES} - {"docs/feast-differences.md"}

    assert guides - set(re.findall(r"\]\(([^)#\s]+)\)", README)) == set()


def test_the_filter_settings_in_the_guide_are_valid(tmp_path):
    from candidates.filters.settings import read_settings

    blocks = blocks_of("toml")
    assert [page for page, _ in blocks] == ["docs/candidates.md"]
    file = tmp_path / "filters.toml"
    file.write_text(blocks[0][1], encoding="utf-8")

    settings = read_settings(file)

    assert (settings.cool_down_days, settings.unsold_days, settings.at_most_per_department) == (28, 56, 10)


def test_the_offline_store_in_the_guide_is_that_of_the_repository():
    (block,) = [block for page, block in blocks_of("yaml") if page == "docs/asof-store.md"]
    (kind,) = re.findall(r"type: (\S+)", block)

    assert f"type: {kind}\n" in (ROOT / "feature_repo" / "feature_store.yaml").read_text(encoding="utf-8")


def test_the_tree_names_the_folders_that_exist():
    named = folders_of_the_tree()

    assert [folder for folder in named if not (ROOT / folder).is_dir()] == []
    assert len(set(named)) == len(named) > 0


@pytest.mark.skipif(shutil.which("git") is None or not (ROOT / ".git").exists(), reason="not a git checkout")
def test_the_tree_leaves_no_folder_out():
    listing = subprocess.run(["git", "-C", str(ROOT), "ls-files"], capture_output=True, text=True, check=True)  # noqa: S607
    folders = {path.split("/")[0] for path in listing.stdout.splitlines() if "/" in path}

    assert {folder for folder in folders if not folder.startswith(".")} == set(folders_of_the_tree())
