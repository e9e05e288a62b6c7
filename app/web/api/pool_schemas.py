"""The bodies about pools of one's own: what they are to be, their classes, and images that are added."""

import datetime as dt
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, StringConstraints

from app.learning.names import LearnerName, Strategy
from app.merging import MergeView
from app.models import MAX_DESCRIPTION, MAX_GUIDELINE, Blob, GuidelinePicture, Image, Pool, Split
from app.own_pools import ASKED_BY_CHANCE, CHANCE_EVERY, MAX_CLASS_NAME, N_CLASSES, SIDES
from app.pools import MAX_NAME_LENGTH, SLUG
from app.web.api.schemas import Strict
from app.web.edge.image_urls import guideline_picture_url, image_url

ClassName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_CLASS_NAME)]
Title = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH)]
Description = Annotated[str, StringConstraints(max_length=MAX_DESCRIPTION)]
Guideline = Annotated[str, StringConstraints(max_length=MAX_GUIDELINE)]
ClassIndex = Annotated[int, Field(ge=0, lt=N_CLASSES[-1])]


class PoolIn(Strict):
    """A pool to be made. Learners see `width` by `height` pixels of each image; people see the image itself."""

    slug: Annotated[str, StringConstraints(pattern=f"^{SLUG.pattern}$")] = Field(
        description="Its name in addresses.", examples=["bees"]
    )
    name: Title | None = Field(default=None, description="Its name on the pages; the slug if left out.")
    classes: list[ClassName] = Field(
        min_length=N_CLASSES[0], max_length=N_CLASSES[-1], examples=[["bee", "wasp", "fly"]]
    )
    width: int = Field(default=32, ge=SIDES[0], le=SIDES[-1])
    height: int = Field(default=32, ge=SIDES[0], le=SIDES[-1])
    colours: bool = Field(default=True, description="Whether colours tell anything; false makes all images grey.")
    learner: LearnerName = Field(
        default="graph",
        description="`graph` looks at all images first. `softmax` is the paper's; without validation images it takes "
        "as many steps as serve labeled images that are left out in turn.",
    )
    strategy: Strategy = "least_confidence"
    batch_size: int = Field(default=10, ge=1, le=1000, description="New labels that make a round due.")
    chance_every: int | None = Field(
        default=ASKED_BY_CHANCE,
        ge=CHANCE_EVERY[0],
        le=CHANCE_EVERY[-1],
        description="One question in so many is drawn by chance, to tell how good the model is; null: none.",
    )
    description: Description | None = None


class PoolChangeIn(Strict):
    """What is to change; what is left out stays, and null takes a text or a goal away."""

    name: Title = ""
    description: Description | None = None
    guideline: Guideline | None = None
    goal_labels: int | None = Field(default=None, ge=1)
    goal_accuracy: float | None = Field(default=None, gt=0, le=1)
    chance_every: int | None = Field(
        default=None,
        ge=CHANCE_EVERY[0],
        le=CHANCE_EVERY[-1],
        description="One question in so many is drawn by chance from now on; null: none. Only in pools of one's own.",
    )
    is_archived: bool = False
    is_paused: bool = False


class ClassesIn(Strict):
    """Classes to append. An index never changes its meaning."""

    names: list[ClassName] = Field(min_length=1, max_length=N_CLASSES[-1])


class ClassIn(Strict):
    """Another name for a class."""

    name: ClassName


class ClassOrderIn(Strict):
    """The classes by their index, in the order of their buttons."""

    order: list[ClassIndex] = Field(max_length=N_CLASSES[-1])


class MergeIn(Strict):
    """A class, by its index, that is merged into another."""

    from_class: ClassIndex
    into_class: ClassIndex


class MergeOut(BaseModel):
    """A merge of two classes. Labels follow it, or its taking back, until `done_at`: so far `n_changed` of about
    `n_wanted`.
    """

    merge_id: int
    from_class: int
    into_class: int
    by: str
    at: dt.datetime
    taken_back_by: str | None
    taken_back_at: dt.datetime | None
    n_wanted: int
    n_changed: int
    done_at: dt.datetime | None

    @classmethod
    def of(cls, told: MergeView) -> Self:
        last = told.taken_back or told.merge
        return cls(
            merge_id=told.merge.id,
            from_class=told.merge.from_class,
            into_class=told.merge.into_class,
            by=told.by,
            at=told.merge.created_at,
            taken_back_by=told.taken_back_by,
            taken_back_at=told.taken_back.created_at if told.taken_back else None,
            n_wanted=last.n_wanted,
            n_changed=last.n_changed,
            done_at=last.done_at,
        )


class ExampleOut(BaseModel):
    """An image that people have labeled as this class."""

    image_id: int
    url: str


class ClassExamplesOut(BaseModel):
    """Some examples of a class, by its index."""

    value: int
    images: list[ExampleOut]


class ExamplesOut(BaseModel):
    """Of each class with a button some images that nobody is asked about any more."""

    classes: list[ClassExamplesOut]


class GuidelinePictureOut(BaseModel):
    """A picture for the guideline, which shows it by a line "[picture 3: its words]", with its id."""

    picture_id: int
    name: str
    width: int
    height: int
    url: str

    @classmethod
    def of(cls, picture: GuidelinePicture, slug: str) -> Self:
        return cls(
            picture_id=picture.id,
            name=picture.name,
            width=picture.width,
            height=picture.height,
            url=guideline_picture_url(slug, picture.id, picture.sha256),
        )


class PlacedOut(BaseModel):
    """What became of one file: `added`; `known`, because the pool has the same bytes; or `refused`, and why.

    `label` is the class that its folder gave it, if folders were to name classes.
    """

    name: str
    status: Literal["added", "known", "refused"]
    image_id: int | None
    code: str | None
    reason: str | None
    label: str | None


class UploadOut(BaseModel):
    """What became of the files of one request, in their order, and how many images the pool has now."""

    added: int
    known: int
    refused: int
    items: list[PlacedOut]
    n_images: int


class ImageOut(BaseModel):
    """An image. Name, size and media type are those of its original; images of a data set have none.

    `url` is the picture that people are shown, `original_url` the original as a download. Annotators are told neither
    name nor truth, for these may tell the class.
    """

    image_id: int
    pool: str
    split: Split
    position: int
    name: str | None
    truth: int | None
    sha256: str
    width: int
    height: int
    n_bytes: int | None
    media_type: str | None
    url: str
    original_url: str | None

    @classmethod
    def of(cls, image: Image, pool: Pool, blob: Blob | None, *, is_admin: bool) -> Self:
        is_own = image.name is not None
        return cls(
            image_id=image.id,
            pool=pool.slug,
            split=image.split,
            position=image.position,
            name=image.name if is_admin else None,
            truth=image.truth if is_admin else None,
            sha256=image.sha256,
            width=blob.width if blob else pool.width,
            height=blob.height if blob else pool.height,
            n_bytes=blob.n_bytes if blob else None,
            media_type=blob.media_type if blob else None,
            url=image_url(image.id, image.sha256, is_own=is_own),
            original_url=f"/images/{image.id}/original" if blob and is_admin else None,
        )


class PoolSettingsOut(BaseModel):
    """What leads set: see `PoolChangeIn`."""

    slug: str
    name: str
    description: str | None
    guideline: str | None
    chance_every: int | None
    goal_labels: int | None
    goal_accuracy: float | None
    archived_at: dt.datetime | None
    paused_at: dt.datetime | None
    n_images: int
    n_bytes: int

    @classmethod
    def of(cls, pool: Pool) -> Self:
        return cls(**{name: getattr(pool, name) for name in cls.model_fields})
