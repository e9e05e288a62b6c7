"""Take away: the labels of a pool in each form, and its newest model."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request, Response

from app import export, queries, trained_models
from app.accuracy import Accuracy
from app.errors import NotFound
from app.export.rows import MAX_SEED
from app.model_cards import TESTED_ON, get_accuracy
from app.models import TrainedModel
from app.pools import get_pool
from app.queries import Counts
from app.web.edge.auth import get_admin
from app.web.edge.deps import InServices, Now, Slug
from app.web.edge.templates import templates

router = APIRouter(include_in_schema=False, dependencies=[Depends(get_admin)])

SHARES = (0, 5, 10, 15, 20, 25, 30, 40)  # in percent, of those to validate and to test; two of them leave some to train


@dataclass(frozen=True, slots=True)
class Form:
    """One way in which labels are taken away; `text` says what is in it and whom it is for."""

    format: export.Format
    name: str
    file_name: str
    text: str


@dataclass(frozen=True, slots=True)
class TakenModel:
    """The newest model: how many images it gets right, if that is known, and of which images that is told."""

    id: int
    accuracy: Accuracy | None
    tested_on: str

    @classmethod
    def of(cls, model: TrainedModel) -> "TakenModel":
        return cls(model.id, get_accuracy(model), TESTED_ON[model.tested_on] if model.tested_on else "")


@dataclass(frozen=True, slots=True)
class TakingPage:
    """What of a pool can be taken away."""

    slug: str
    pool_name: str
    counts: Counts
    forms: Sequence[Form]
    shares: Sequence[int]
    max_seed: int
    model: TakenModel | None


_TEXTS: dict[export.Format, tuple[str, str]] = {
    "folders": (
        "Class folders",
        "The images in a folder for each class, as torchvision and Keras read them.",
    ),
    "hf": ("Hugging Face", "The images with metadata.jsonl, as the library datasets reads them."),
    "csv": ("CSV", "A table for a spreadsheet, without the images."),
    "jsonl": ("JSON lines", "An object a line for programs, without the images."),
    "npz": ("npz", "Arrays for NumPy: what the learner sees of the images, and the labels."),
}


@router.get("/pools/{slug}/export")
def show_taking(slug: Slug, request: Request, services: InServices, now: Now) -> Response:
    with services.database.read() as session:
        pool = get_pool(session, slug)
        try:
            model = TakenModel.of(trained_models.get_newest_done(session, pool))
        except NotFound:
            model = None
        page = TakingPage(
            slug=slug,
            pool_name=pool.name,
            counts=queries.view_pool(session, pool, now=now).counts,
            forms=[Form(kind, name, export.file_name(pool, kind), text) for kind, (name, text) in _TEXTS.items()],
            shares=SHARES,
            max_seed=MAX_SEED,
            model=model,
        )
    return templates.TemplateResponse(request, "taking.html", {"page": page})
