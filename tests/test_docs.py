"""Every link of the documentation leads somewhere."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def parsed(page: Path) -> SyntaxTreeNode:
    return SyntaxTreeNode(MarkdownIt("commonmark").enable("table").parse(page.read_text()))


def anchors(page: Path) -> set[str]:
    """What GitHub calls a page's headings: lower case, no punctuation, dashes for spaces."""
    headings = [
        node.children[0].content for node in parsed(page).walk(include_self=False) if node.type == "heading"
    ]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    """Links and pictures of a page that lead to no file of the repository, or to no heading of it."""
    broken = []
    for node in parsed(page).walk(include_self=False):
        link = str(node.attrs.get("href") or node.attrs.get("src") or "https://")
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        file = page.parent / path if path else page
        if not file.exists() or (anchor and anchor not in anchors(file)):
            broken.append(link)
    return broken


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page: Path) -> None:
    assert broken_links(page) == []


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# What MediaPipe's `network` sees\n"
        "[here](#what-mediapipes-network-sees), [not](#elsewhere), [away](https://example.com)\n\n"
        "| a table |\n| --- |\n| [there](page.md#elsewhere) and ![gone](gone.png) |\n"
    )
    assert broken_links(page) == ["#elsewhere", "page.md#elsewhere", "gone.png"]
