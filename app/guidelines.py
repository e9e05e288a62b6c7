"""A pool's guideline: plain text of paragraphs and lists, with pictures. Its pages escape all of it.

A line of its own shows a picture, or several: "[image 12: its words]" an image of the pool, "[picture 3: its words]"
one that was uploaded for the guideline. The words have no "]".
"""

import datetime as dt
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.errors import GuidelineInvalid, NotFound, PicturesFull
from app.models import GuidelinePicture, Image, Pool

ITEM = "- "
MAX_PICTURES = 50  # uploaded for one pool, of some ten thousand bytes each
MAX_NAME = 255
Kind = Literal["image", "picture"]
# At each character one way at most goes on, so it takes linear time: whoever leads a pool writes 20,000 characters.
_PICTURE = re.compile(r"\[(image|picture) ([1-9][0-9]{0,17})(?:\s*|:([^\]]*))\]\s*")
_PICTURES = re.compile(f"(?:{_PICTURE.pattern})+")


@dataclass(frozen=True, slots=True)
class Reference:
    """A picture in the text; `sha256` names its content, and is None until it is found."""

    kind: Kind
    id: int
    words: str
    sha256: str | None = None
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """A paragraph with its lines, a list with its items, or some pictures beside each other."""

    kind: Literal["paragraph", "list", "pictures"]
    lines: list[str]
    pictures: list[Reference]

    @property
    def is_list(self) -> bool:
        return self.kind == "list"


def parse_guideline(text: str | None) -> list[Block]:
    """The blocks of the text. An empty line ends a paragraph; lines that begin with "- " are items of a list."""
    blocks: list[Block] = []
    is_new = True
    for line in map(str.strip, (text or "").splitlines()):
        if not line:
            is_new = True
            continue
        has_pictures = _PICTURES.fullmatch(line)
        kind: Literal["paragraph", "list", "pictures"] = (
            "pictures" if has_pictures else "list" if line.startswith(ITEM) else "paragraph"
        )
        if is_new or kind != blocks[-1].kind:
            blocks.append(Block(kind, [], []))
        if has_pictures:
            blocks[-1].pictures.extend(map(_read_picture, _PICTURE.finditer(line)))
        else:
            blocks[-1].lines.append(line.removeprefix(ITEM).lstrip() if kind == "list" else line)
        is_new = False
    return blocks


def read_guideline(session: Session, pool: Pool, text: str | None) -> list[Block]:
    """The blocks of a text with the pictures that the pool has; a picture that is gone is left out."""
    blocks = parse_guideline(text)
    found = _find(session, pool, [picture for block in blocks for picture in block.pictures])
    return [Block(block.kind, block.lines, _known(block.pictures, found)) for block in blocks]


def check_guideline(session: Session, pool: Pool, text: str | None) -> None:
    """
    Raises:
        GuidelineInvalid: it shows a picture that the pool does not have.
    """
    wanted = [picture for block in parse_guideline(text) for picture in block.pictures]
    found = _find(session, pool, wanted)
    for picture in wanted:
        if (picture.kind, picture.id) not in found:
            raise GuidelineInvalid(
                f"The guideline shows {picture.kind} {picture.id}, which {pool.name} does not have. "
                "Give the number of an image that is to be labeled, or of a picture uploaded on the settings page.",
                kind=picture.kind,
                id=picture.id,
            )


def list_pictures(session: Session, pool: Pool) -> Sequence[GuidelinePicture]:
    """What was uploaded for the guideline, oldest first."""
    query = select(GuidelinePicture).where(GuidelinePicture.pool_id == pool.id).order_by(GuidelinePicture.id)
    return session.scalars(query).all()


def add_picture(session: Session, pool: Pool, picture: GuidelinePicture, *, now: dt.datetime) -> GuidelinePicture:
    """Store a picture for the guideline; one whose bytes the pool has already is returned.

    Raises:
        PicturesFull
    """
    of_pool = select(GuidelinePicture).where(GuidelinePicture.pool_id == pool.id)
    known = session.scalar(of_pool.where(GuidelinePicture.sha256 == picture.sha256))
    if known is not None:
        return known
    count = session.scalar(select(func.count()).select_from(of_pool.subquery())) or 0
    if count >= MAX_PICTURES:
        raise PicturesFull(
            f"The guideline of {pool.name} has {count} pictures, and may have {MAX_PICTURES}. Remove one first.",
            max_pictures=MAX_PICTURES,
        )
    picture.pool_id, picture.created_at, picture.name = pool.id, now, picture.name[-MAX_NAME:]
    session.add(picture)
    session.flush()
    return picture


def get_picture(session: Session, pool: Pool, picture_id: int) -> GuidelinePicture:
    """
    Raises:
        NotFound: no such picture was uploaded for this pool.
    """
    picture = session.get(GuidelinePicture, picture_id)
    if picture is None or picture.pool_id != pool.id:
        raise NotFound(f"The guideline of {pool.name} has no picture {picture_id}.", picture_id=picture_id)
    return picture


def remove_picture(session: Session, pool: Pool, picture_id: int) -> None:
    """Delete a picture; where the guideline shows it, it shows nothing any more.

    Raises:
        NotFound: as `get_picture`.
    """
    session.delete(get_picture(session, pool, picture_id))


def _read_picture(found: re.Match[str]) -> Reference:
    kind: Kind = "image" if found[1] == "image" else "picture"
    return Reference(kind, int(found[2]), (found[3] or "").strip())


Found = dict[tuple[Kind, int], Reference]


def _known(pictures: Iterable[Reference], found: Found) -> list[Reference]:
    return [
        Reference(each.kind, each.id, each.words, known.sha256, known.is_own)
        for each in pictures
        if (known := found.get((each.kind, each.id))) is not None
    ]


def _find(session: Session, pool: Pool, wanted: Sequence[Reference]) -> Found:
    """By kind and id: the pictures that the pool has. Annotators see no test images, so no guideline shows any."""
    image_ids = {each.id for each in wanted if each.kind == "image"}
    picture_ids = {each.id for each in wanted if each.kind == "picture"}
    found: Found = {}
    if image_ids:
        rows = session.execute(
            select(Image.id, Image.sha256, Image.name).where(
                Image.id.in_(image_ids), Image.pool_id == pool.id, Image.split == "pool"
            )
        )
        found |= {("image", row.id): Reference("image", row.id, "", row.sha256, row.name is not None) for row in rows}
    if picture_ids:
        named = select(GuidelinePicture.id, GuidelinePicture.sha256).where(
            GuidelinePicture.id.in_(picture_ids), GuidelinePicture.pool_id == pool.id
        )
        found |= {("picture", row.id): Reference("picture", row.id, "", row.sha256) for row in session.execute(named)}
    return found
