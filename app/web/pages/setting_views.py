"""What the page of a pool's settings shows, and how its forms are read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app import guidelines, merging
from app.errors import SettingInvalid
from app.guidelines import MAX_PICTURES
from app.merging import MergeView
from app.models import MAX_DESCRIPTION, MAX_GUIDELINE, GuidelinePicture, Pool
from app.own_pools import CHANCE_EVERY, MAX_CLASS_NAME, can_ask_by_chance
from app.pools import MAX_NAME_LENGTH, get_pool
from app.web.edge.deps import Services
from app.web.edge.image_urls import guideline_picture_url
from app.web.pages.guideline_views import BlockView, view_guideline

MAX_GOAL = 10**9


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a form of this section was refused."""

    section: str
    message: str


@dataclass(frozen=True, slots=True)
class MergeRow:
    """A merge in words; `can_be_taken_back` if it stands, `n_changed` of `n_wanted` labels while they follow."""

    id: int
    from_name: str
    into_name: str
    told: MergeView
    can_be_taken_back: bool
    is_open: bool
    n_changed: int
    n_wanted: int


@dataclass(frozen=True, slots=True)
class UploadedPicture:
    """A picture that was uploaded for the guideline."""

    id: int
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class SettingsPage:
    """The settings as stored, or as `typed` where a form comes back. `done` and `problem` name a section.

    `moved` says which button moved a class, so that it has the focus again: "3 up".
    """

    pool: Pool
    typed: Mapping[str, str]
    merges: Sequence[MergeRow]
    pictures: Sequence[UploadedPicture]
    max_pictures: int
    max_name: int
    max_class_name: int
    max_description: int
    max_guideline: int
    preview: Sequence[BlockView]
    is_preview: bool
    done: str
    moved: str
    problem: Problem | None


def build_page(
    services: Services,
    slug: str,
    *,
    typed: Mapping[str, str] | None = None,
    done: str = "",
    moved: str = "",
    is_preview: bool = False,
    problem: Problem | None = None,
) -> SettingsPage:
    """The page as it is now, or with a form as it was typed."""
    with services.database.read() as session:
        pool = get_pool(session, slug)
        shown = _as_typed(pool) | dict(typed or {})
        blocks = guidelines.read_guideline(session, pool, shown["guideline"])
        return SettingsPage(
            pool=pool,
            typed=shown,
            merges=[_view_merge(pool, told) for told in merging.list_merges(session, pool)],
            pictures=[_view_picture(slug, each) for each in guidelines.list_pictures(session, pool)],
            max_pictures=MAX_PICTURES,
            max_name=MAX_NAME_LENGTH,
            max_class_name=MAX_CLASS_NAME,
            max_description=MAX_DESCRIPTION,
            max_guideline=MAX_GUIDELINE,
            preview=view_guideline(slug, blocks),
            is_preview=is_preview,
            done=done,
            moved=moved,
            problem=problem,
        )


def read_settings(pool: Pool, typed: Mapping[str, str]) -> dict[str, object]:
    """The columns of a pool from a form; what is empty is null.

    Raises:
        SettingInvalid: a number is none or out of its bounds.
    """
    percent = _read_number("The accuracy to reach", typed["goal_accuracy"], 0, 100)
    values: dict[str, object] = {
        "name": typed["name"].strip(),
        "description": typed["description"].strip() or None,
        "guideline": typed["guideline"].strip() or None,
        "goal_labels": _read_whole("The number of labels to reach", typed["goal_labels"], MAX_GOAL),
        "goal_accuracy": None if percent is None else percent / 100,
    }
    if can_ask_by_chance(pool.dataset):
        values["chance_every"] = _read_whole(
            "The number of questions of which one is asked by chance", typed["chance_every"], CHANCE_EVERY[-1]
        )
    return values


def move_class(buttons: Sequence[int], move: str) -> list[int]:
    """The order after a class, named by its index, was moved by one place: "3 up" or "3 down".

    Raises:
        SettingInvalid: there is no such button.
    """
    index, _, way = move.partition(" ")
    if not index.isdecimal() or int(index[:6]) not in buttons or way not in ("up", "down"):
        raise SettingInvalid(f"{move!r} moves no class. Say its index, and up or down.", move=move)
    order = [each for each in buttons if each != int(index)]
    at = buttons.index(int(index)) + (-1 if way == "up" else 1)
    order.insert(max(0, at), int(index))
    return order


def read_class(text: str) -> int:
    """The index of a class that was chosen in a form.

    Raises:
        SettingInvalid: none was chosen.
    """
    if not text.isdecimal() or len(text) > 6:
        raise SettingInvalid("Choose two classes: the one to be merged, and the one that takes its labels.")
    return int(text)


def _as_typed(pool: Pool) -> dict[str, str]:
    return {
        "name": pool.name,
        "description": pool.description or "",
        "guideline": pool.guideline or "",
        "goal_labels": "" if pool.goal_labels is None else str(pool.goal_labels),
        "goal_accuracy": "" if pool.goal_accuracy is None else f"{pool.goal_accuracy * 100:.10g}",
        "chance_every": "" if pool.chance_every is None else str(pool.chance_every),
        "names": "",
        "from_class": "",
        "into_class": "",
        "confirm": "",
    }


def _view_merge(pool: Pool, told: MergeView) -> MergeRow:
    last = told.taken_back or told.merge
    return MergeRow(
        id=told.merge.id,
        from_name=pool.classes[told.merge.from_class],
        into_name=pool.classes[told.merge.into_class],
        told=told,
        can_be_taken_back=told.taken_back is None,
        is_open=last.done_at is None,
        n_changed=last.n_changed,
        n_wanted=last.n_wanted,
    )


def _view_picture(slug: str, picture: GuidelinePicture) -> UploadedPicture:
    return UploadedPicture(picture.id, picture.name, guideline_picture_url(slug, picture.id, picture.sha256))


def _read_number(name: str, text: str, above: float, most: float) -> float | None:
    text = text.strip().replace(",", ".")
    if not text:
        return None
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not above < number <= most:
        raise SettingInvalid(f"{name} is {text[:40]!r}. Give a number above {above:g}, up to {most:,g}.", name=name)
    return number


def _read_whole(name: str, text: str, most: int) -> int | None:
    text = text.strip()
    if not text:
        return None
    if not text.isdecimal() or not 1 <= int(text[:12]) <= most:
        raise SettingInvalid(f"{name} is {text[:40]!r}. Give a whole number from 1 to {most:,}.", name=name)
    return int(text)
