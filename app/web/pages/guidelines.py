"""A pool's guideline: plain text of paragraphs and lists."""

from dataclasses import dataclass

ITEM = "- "


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph with its lines, or a list with its items."""

    is_list: bool
    lines: list[str]


def read_guideline(text: str | None) -> list[Block]:
    """The blocks of the text. An empty line ends a paragraph; lines that begin with "- " are items of a list."""
    blocks: list[Block] = []
    is_new = True
    for line in map(str.strip, (text or "").splitlines()):
        is_item = line.startswith(ITEM)
        if not line:
            is_new = True
            continue
        if is_new or is_item != blocks[-1].is_list:
            blocks.append(Block(is_item, []))
        blocks[-1].lines.append(line.removeprefix(ITEM).lstrip() if is_item else line)
        is_new = False
    return blocks
