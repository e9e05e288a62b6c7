"""Expected failures about the classes, the guideline and the settings of a pool."""

from app.errors.base import AppError


class MergeInvalid(AppError):
    """These two classes cannot be merged."""

    status = 422


class GuidelineInvalid(AppError):
    """A guideline shows a picture that is not there."""

    status = 422


class PicturesFull(AppError):
    """A guideline has as many pictures as it may have."""

    status = 422


class SettingInvalid(AppError):
    """A setting of a pool is not what it can be."""

    status = 422


class ClassMerged(AppError):
    """The class was merged, or its merge was taken back: another act came first."""

    status = 409
