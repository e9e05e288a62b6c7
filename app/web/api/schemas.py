"""The bodies of the REST API. Every accuracy comes with its count and interval."""

import datetime as dt
from typing import Annotated, Any, Generic, Self, TypeVar

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from app.accuracy import Accuracy
from app.features import Preparation
from app.labeling import AnswerResult, AskResult
from app.learning.names import LearnerName, Strategy
from app.leases import LeasedImage
from app.models import AskedBy, EventKind, Pool, Round, Source, TestedOn
from app.queries import PoolView
from app.training_status import Status, Training
from app.web.api.goal_schemas import GoalOut
from app.web.edge.image_urls import image_url

T = TypeVar("T")

Name = Annotated[str, StringConstraints(pattern=r"^[\w][\w .@-]{0,63}$")]
Key = Annotated[str, StringConstraints(min_length=8, max_length=64, pattern=r"^[\x21-\x7e]+$")]
Id = Annotated[int, Field(ge=1, le=2**63 - 1)]


class Strict(BaseModel):
    """A request's body: an unknown field is an error, not a typo that goes unnoticed."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def keep_one_unknown_field(cls, body: Any) -> Any:
        """Keep one unknown field at most: it is enough to refuse the body, and each error takes time."""
        if not isinstance(body, dict) or len(body) <= len(cls.model_fields):
            return body
        unknown = next(name for name in body if name not in cls.model_fields)
        return {name: body[name] for name in (*cls.model_fields, unknown) if name in body}


class ActIn(Strict):
    """Who acts. With accounts it is the user who is logged in, and `annotator` is left out."""

    annotator: Name | None = Field(
        default=None, description="Who answers, on a server without accounts.", examples=["ada"]
    )


class Page(BaseModel, Generic[T]):
    """One page of a list; `next` is the cursor of the next one, null on the last."""

    items: list[T]
    next: int | None


class AccuracyOut(BaseModel):
    """Right answers, their share, and its 95 % Wilson interval."""

    correct: int
    total: int
    accuracy: float
    interval: tuple[float, float]

    @classmethod
    def of(cls, correct: int, total: int) -> Self:
        accuracy = Accuracy(correct, total)
        return cls(correct=correct, total=total, accuracy=accuracy.value, interval=accuracy.interval)


class RoundOut(BaseModel):
    """One training of a pool's model. `test` counts images that neither training nor stopping has seen.

    It is null for a moment after the round is announced. Both are null where there are no such images. `tested_on` says
    what `test` counts: `test` images, or answers that were asked by `chance`, which no model learned from. `asked_by`
    says how the images are chosen that are asked next: `chance` until the learner has looked at the pool.
    """

    number: int
    n_labels: int
    asked_by: AskedBy
    validation: AccuracyOut | None
    test: AccuracyOut | None
    tested_on: TestedOn | None
    steps: int
    fit_ms: float
    rank_ms: float
    created_at: dt.datetime

    @classmethod
    def of(cls, round_: Round) -> Self:
        return cls(
            number=round_.number,
            n_labels=round_.n_labels,
            asked_by=round_.asked_by,
            validation=_count(round_.validation_correct, round_.validation_total),
            test=_count(round_.test_correct, round_.test_total),
            tested_on=round_.tested_on,
            steps=round_.steps,
            fit_ms=round(round_.fit_ms, 2),
            rank_ms=round(round_.rank_ms, 2),
            created_at=round_.created_at,
        )


def _count(correct: int | None, total: int) -> AccuracyOut | None:
    return None if correct is None or not total else AccuracyOut.of(correct, total)


class PoolOut(BaseModel):
    """What a pool is. `learner` is what learns from its labels, `strategy` how it chooses what is asked next.

    `class_order` has the classes to answer with, as indices into `classes`, in the order of their buttons; a class that
    is missing there was merged into another. One question in `chance_every` is drawn by chance; null: none.
    """

    slug: str
    name: str
    dataset: str
    dataset_description: str
    dataset_sha256: str
    classes: list[str]
    class_order: list[int]
    chance_every: int | None
    height: int
    width: int
    channels: int
    learner: LearnerName
    strategy: Strategy
    batch_size: int
    created_at: dt.datetime

    model_config = ConfigDict(from_attributes=True)

    @model_validator(mode="before")
    @classmethod
    def take_buttons(cls, pool: Any) -> Any:
        """Of a pool whose order nobody has set, that of the buttons all the same."""
        if not isinstance(pool, Pool):
            return pool
        return {name: getattr(pool, "buttons" if name == "class_order" else name) for name in PoolOut.model_fields}


class CountsOut(BaseModel):
    """Images of the pool; labels by who gave them; `held` images are leased."""

    images: int
    labeled: int
    unlabeled: int
    human: int
    oracle: int
    model: int
    held: int

    model_config = ConfigDict(from_attributes=True)


class TrainingOut(BaseModel):
    """What the trainer does for this pool just now."""

    status: Status
    message: str | None

    model_config = ConfigDict(from_attributes=True)


class PreparationOut(BaseModel):
    """The learner looks at `n_images` of the pool's `n_all` before it asks: what it does, and the share that is over.

    `step` is empty until it begins. The seconds are null until they can be estimated.
    """

    n_images: int
    n_all: int
    step: str
    share: float
    seconds_left: float | None

    model_config = ConfigDict(from_attributes=True)

    @classmethod
    def of(cls, preparation: Preparation | None) -> Self | None:
        return None if preparation is None else cls.model_validate(preparation)


class PoolDetail(PoolOut):
    """A pool with its progress. `until_round` counts the labels that the next round still waits for.

    `preparation` is null unless the learner has images to look at first. `goals` are those that leads have set.
    """

    counts: CountsOut
    round: RoundOut
    until_round: int
    training: TrainingOut
    preparation: PreparationOut | None
    goals: list[GoalOut]

    @classmethod
    def of_view(cls, view: PoolView, training: Training) -> Self:
        return cls(
            **PoolOut.model_validate(view.pool).model_dump(),
            counts=CountsOut.model_validate(view.counts),
            round=RoundOut.of(view.newest),
            until_round=view.until_round,
            training=TrainingOut.model_validate(training),
            preparation=PreparationOut.of(view.preparation),
            goals=[GoalOut.model_validate(goal) for goal in view.goals],
        )


class LeaseIn(ActIn):
    """Without `count` you get the images that you still hold, or else the next batch."""

    count: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="How many images; you hold at most three batches (30 at least), and get no more than that.",
        examples=[10],
    )


class LeasedImageOut(BaseModel):
    """An image to label. `position` is the index into the pool; the model's view is null before it has one.

    `asked_by` is `strategy` where the model chose it, and `chance` where it was drawn by chance.
    """

    image_id: int
    position: int
    url: str
    confidence: float | None
    prediction: int | None
    asked_by: AskedBy
    expires_at: dt.datetime

    @classmethod
    def of(cls, image: LeasedImage) -> Self:
        return cls(
            image_id=image.image_id,
            position=image.position,
            url=image_url(image.image_id, image.sha256, is_own=image.name is not None),
            confidence=image.confidence,
            prediction=image.prediction,
            asked_by=image.asked_by,
            expires_at=image.expires_at,
        )


class ShortageOut(BaseModel):
    """Why no image came: of the unlabeled ones some are leased to others, some were skipped by this annotator."""

    unlabeled: int
    with_others: int
    skipped: int
    next_free_at: dt.datetime | None

    model_config = ConfigDict(from_attributes=True)


class LeaseOut(BaseModel):
    """`round` ranked the images; `stale` says that a newer round is due but was not ready within the wait."""

    round: int
    stale: bool
    images: list[LeasedImageOut]
    shortage: ShortageOut | None

    @classmethod
    def of(cls, asked: AskResult) -> Self:
        images = [LeasedImageOut.of(image) for image in asked.images]
        shortage = ShortageOut.model_validate(asked.shortage) if asked.shortage else None
        return cls(round=asked.round_number, stale=asked.is_stale, images=images, shortage=shortage)


class RenewIn(ActIn):
    """The annotator whose leases are renewed."""


class RenewOut(BaseModel):
    """How many images are held for longer."""

    renewed: int


class ReleaseIn(ActIn):
    """Without `image_ids`, all images that the annotator holds are released."""

    image_ids: list[Id] | None = Field(default=None, max_length=1000, fail_fast=True)


class ReleaseOut(BaseModel):
    """How many images were given back."""

    released: int


class LabelIn(Strict):
    """A value for one image. With a `key`, sending it again gives the same event and stores nothing twice."""

    image_id: Id = Field(strict=True, examples=[17])
    value: int = Field(strict=True, ge=-(2**31), lt=2**31, description="Index into the pool's classes.", examples=[7])
    key: Key | None = Field(default=None, examples=["7b0c0c0e-6a3c-4f0e-9d57-0f1c6b1f2a11"])


class LabelsIn(ActIn):
    """1 to 1,000 labels: all are stored, or none."""

    labels: list[LabelIn] = Field(min_length=1, max_length=1000, fail_fast=True)


class SkipIn(ActIn):
    """The image whose class the annotator cannot tell."""

    image_id: Id
    key: Key | None = None


class FlagIn(ActIn):
    """A remark of at most 200 characters."""

    image_id: Id
    remark: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)] = Field(
        examples=["two digits in one image"]
    )
    key: Key | None = None


class ChangeIn(ActIn):
    """Another value for the current answer of an event."""

    event_id: Id
    value: int = Field(ge=-(2**31), lt=2**31, description="Index into the pool's classes.", examples=[7])
    key: Key | None = None


class EventOut(BaseModel):
    """What an annotator or a model did. `round`, `confidence` and `asked_by` are those when the image was asked.

    `asked_by` is null for an image that was answered without being asked, `annotator` for a label of a model.
    """

    event_id: int = Field(validation_alias=AliasChoices("event_id", "id"))
    kind: EventKind
    image_id: int
    position: int
    value: int | None
    source: Source
    annotator: str | None
    asked_by: AskedBy | None
    round: int
    confidence: float | None
    # The event that was undone or changed.
    undoes: int | None = Field(validation_alias=AliasChoices("undoes", "undoes_id"))
    # The merge of two classes that changed it, or whose taking back undid it.
    merge_id: int | None
    remark: str | None
    key: str | None
    created_at: dt.datetime

    model_config = ConfigDict(from_attributes=True)


class LabelsOut(BaseModel):
    """The events in the order of the request. `until_round` counts the labels that the next round waits for."""

    events: list[EventOut]
    until_round: int

    @classmethod
    def of(cls, answered: AnswerResult) -> Self:
        return cls(
            events=[EventOut.model_validate(event) for event in answered.events], until_round=answered.until_round
        )


class UndoIn(ActIn):
    """Without `event_id` the annotator's last current act is undone. An admin may name an event of any annotator."""

    event_id: Id | None = Field(default=None, examples=[3])
    key: Key | None = None


class UndoOut(BaseModel):
    """The undo, and the image if the annotator holds it again."""

    event: EventOut
    image: LeasedImageOut | None


class OracleLabelsIn(Strict):
    """How many images the oracle answers."""

    count: int = Field(default=10, ge=1, le=1000, examples=[10])
