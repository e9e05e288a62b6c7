"""The page that makes a pool of one's own images, and the one that brings images to a pool."""

import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import APIRouter, Depends, Form, Request, Response
from fastapi.responses import RedirectResponse

from app import own_pools
from app.errors import AppError, ClassesInvalid, NameInvalid, SizeInvalid
from app.models import Pool
from app.own_pools import ASKED_BY_CHANCE, CHANCE_EVERY, N_CLASSES, SIDES, OwnPoolSpec
from app.pools import get_pool
from app.web.api.own_pools import FILES_A_REQUEST
from app.web.edge.auth import get_admin
from app.web.edge.deps import InServices, Now, Slug
from app.web.edge.templates import templates

router = APIRouter(prefix="/pools", include_in_schema=False, dependencies=[Depends(get_admin)])

Text = Annotated[str, Form()]
SIDE = 32  # pixels, if nothing else is said


@dataclass(frozen=True, slots=True)
class NewPoolPage:
    """The form as it was typed, and why it is no pool."""

    name: str = ""
    classes: str = ""
    colours: bool = True
    side: str = str(SIDE)
    chance: str = str(ASKED_BY_CHANCE)
    refusal: str | None = None

    @property
    def sides(self) -> tuple[int, int]:
        """The least and the most pixels a side."""
        return SIDES[0], SIDES[-1]

    @property
    def chances(self) -> tuple[int, int]:
        """One question in at least, and in at most, so many."""
        return CHANCE_EVERY[0], CHANCE_EVERY[-1]

    def read(self) -> OwnPoolSpec:
        """
        Raises:
            NameInvalid, ClassesInvalid, SizeInvalid: what the form says is no pool.
        """
        slug = as_slug(self.name)
        if not slug:
            raise NameInvalid("Give the pool a name with a letter or a digit.")
        classes = [line.strip() for line in self.classes.splitlines() if line.strip()]
        if len(classes) < N_CLASSES[0]:
            raise ClassesInvalid("Name two classes at least, one a line.")
        if not self.side.isdecimal():
            raise SizeInvalid(f"The pixels a side are a number from {SIDES[0]} to {SIDES[-1]}.")
        chance = int(self.chance[:6]) if self.chance.isdecimal() else 0  # which is refused, as is any other text
        side = int(self.side[:4])
        return OwnPoolSpec(
            slug=slug,
            name=self.name.strip(),
            classes=classes,
            height=side,
            width=side,
            channels=3 if self.colours else 1,
            chance_every=chance if self.chance else None,
        )


@dataclass(frozen=True, slots=True)
class BringPage:
    """A request may have so many files and bytes."""

    pool: Pool
    max_files: int
    max_bytes: int


@router.get("/new")
def show_new_pool(request: Request) -> Response:
    return templates.TemplateResponse(request, "new_pool.html", {"page": NewPoolPage()})


@router.post("/new")
def make_pool(
    request: Request,
    services: InServices,
    now: Now,
    name: Text = "",
    classes: Text = "",
    colours: Text = "",
    side: Text = "",
    chance: Text = "",
) -> Response:
    """Make the pool and go where its images are brought; on bad input the form again."""
    typed = NewPoolPage(name, classes.replace("\r\n", "\n"), bool(colours), side.strip(), chance.strip())
    try:
        with services.database.write() as session:
            pool = own_pools.create_pool(session, typed.read(), filled=True, now=now)
    except AppError as error:
        page = replace(typed, refusal=error.message)
        return templates.TemplateResponse(request, "new_pool.html", {"page": page}, 422)
    return RedirectResponse(f"/pools/{pool.slug}/images", 303)


@router.get("/{slug}/images")
def show_bringing(slug: Slug, request: Request, services: InServices) -> Response:
    with services.database.read() as session:
        pool = get_pool(session, slug)
    page = BringPage(pool, FILES_A_REQUEST, services.settings.max_upload_bytes)
    return templates.TemplateResponse(request, "bring.html", {"page": page})


def as_slug(name: str) -> str:
    """A name as it can stand in an address: a to z, digits and hyphens; accents are dropped."""
    plain = "".join(each for each in unicodedata.normalize("NFKD", name.lower()) if not unicodedata.combining(each))
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:64].rstrip("-")
