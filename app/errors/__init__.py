"""Failures that are expected, and what each means over HTTP.

The class name is the API's `code`, so renaming one is a change of the API. A message holds the numbers
of the case and the remedy; `context` holds the same for programs. `web/problems.py` turns them into HTTP.
"""

from app.errors.accounts import (
    AccountDisabled as AccountDisabled,
    LastAdmin as LastAdmin,
    NameInvalid as NameInvalid,
    NameTaken as NameTaken,
    NoAccounts as NoAccounts,
    NoAccountsYet as NoAccountsYet,
    NotAllowed as NotAllowed,
    NotLoggedIn as NotLoggedIn,
    PasswordsDiffer as PasswordsDiffer,
    PasswordTooShort as PasswordTooShort,
    TooManyAttempts as TooManyAttempts,
    TooManyLogins as TooManyLogins,
    WrongLogin as WrongLogin,
)
from app.errors.base import AppError as AppError
from app.errors.classes import (
    ClassMerged as ClassMerged,
    GuidelineInvalid as GuidelineInvalid,
    MergeInvalid as MergeInvalid,
    PicturesFull as PicturesFull,
    SettingInvalid as SettingInvalid,
)
from app.errors.pictures import (
    ArchiveRefused as ArchiveRefused,
    ArchiveTooBig as ArchiveTooBig,
    DecodingTooHungry as DecodingTooHungry,
    DecodingTooSlow as DecodingTooSlow,
    EntryDamaged as EntryDamaged,
    EntryEncrypted as EntryEncrypted,
    FileChanged as FileChanged,
    FileMissing as FileMissing,
    FileUnreadable as FileUnreadable,
    LabelMissing as LabelMissing,
    LinkRefused as LinkRefused,
    NameRefused as NameRefused,
    NotAFile as NotAFile,
    NotAPicture as NotAPicture,
    PictureDamaged as PictureDamaged,
    PictureEmpty as PictureEmpty,
    PictureRefused as PictureRefused,
    PictureTooBig as PictureTooBig,
    PictureTooLarge as PictureTooLarge,
    PictureUnsupported as PictureUnsupported,
    RowDamaged as RowDamaged,
)


class NotFound(AppError):
    """There is no such thing, or it is not yours: the two are answered alike."""

    status = 404


class DataSetInvalid(AppError):
    """A data file is there and is not what it should be: another file, truncated, or a wrong hash."""

    status = 422


class DataSetUnavailable(AppError):
    """The data set that was asked for is not on this machine and cannot be fetched."""

    status = 503


class DatabaseUnusable(AppError):
    """The database cannot be opened: wrong address, damaged, or of a newer version."""

    status = 503


class FeaturesDamaged(AppError):
    """What was learned of a pool's images is not what was stored."""

    status = 503


class PreparationUnderWay(AppError):
    """Another process looks at the images of the pool just now."""

    status = 409


class PreparationSuperseded(AppError):
    """Another process has begun to look at the images anew, because this one said nothing for long."""

    status = 409


class DatabaseUnavailable(AppError):
    """The database can be neither read nor written just now: the disk is full, or another process holds the file."""

    status = 503


class ClassesInvalid(AppError):
    """The classes of a pool are too few, too many, named twice, or have names that no button could show."""

    status = 422


class SizeInvalid(AppError):
    """Images of this size cannot be learned from."""

    status = 422


class NothingSent(AppError):
    """A request that is to bring files brings none."""

    status = 422


class PoolFull(AppError):
    """The pool has as many images, or bytes of originals, as it may have."""

    status = 409


class TooManyPreviews(AppError):
    """More previews are asked for than can be made; the context says how many seconds to wait."""

    status = 503


class PoolPaused(AppError):
    """Whoever leads the pool has paused it: it asks nobody."""

    status = 409


class SplitFixed(AppError):
    """The images of this split were there when training began, and stay as they are."""

    status = 409


class NotEnoughImages(AppError):
    """A pool or a split asks for more images than the data set has."""

    status = 422


class TruthUnknown(AppError):
    """The oracle was asked about an image whose true class is unknown."""

    status = 409


class ImageNotFound(NotFound):
    """The pool has no such image to label."""


class ValueNotAClass(AppError):
    """A label's value is outside the pool's classes."""

    status = 422


class DuplicateImage(AppError):
    """One request labels the same image twice."""

    status = 422


class DuplicateKey(AppError):
    """One request has the same key twice."""

    status = 422


class AlreadyLabeled(AppError):
    """The image has a label already; it is in the context."""

    status = 409


class LeasedByAnother(AppError):
    """The image is leased to another annotator."""

    status = 409


class KeyReused(AppError):
    """The key of a retry belongs to another answer."""

    status = 409


class NothingToUndo(AppError):
    """The annotator has nothing to undo, or this event was changed or undone already."""

    status = 409


class RunFinished(AppError):
    """The oracle run has ended and cannot be stopped."""

    status = 409


class TooManyActs(AppError):
    """An account acts faster than a person can; the context says how many seconds to wait."""

    status = 429


class NothingToCompare(AppError):
    """Too few or too many oracle runs were chosen, or one without an accuracy."""

    status = 422


class TooManyRuns(AppError):
    """The queue of oracle runs is full."""

    status = 429


class CannotListen(AppError):
    """The address to listen on is in use, or not this machine's."""

    status = 503


class InvitationNotFound(NotFound):
    """The link of an invitation is unknown, used, revoked or expired: which of them is not told."""


class AlreadySkipped(AppError):
    """The annotator skipped the image before."""

    status = 409


class BackupFailed(AppError):
    """A backup could not be made or restored; the files that were there are unchanged."""

    status = 503


class TooManyStreams(AppError):
    """One user, or all users together, have reached the limit of open event streams; the context has the limit."""

    status = 429


class SlugTaken(AppError):
    """There is a pool of this short name."""

    status = 409


class SlugInvalid(AppError):
    """The pool's short name cannot be part of an address."""

    status = 422


class NothingToLearn(AppError):
    """A network has nothing to be trained on: nobody has labeled an image, or the learner has not seen the images."""

    status = 409


class ModelFinished(AppError):
    """The training of the model has ended and cannot be stopped."""

    status = 409


class TooManyModels(AppError):
    """The queue of models to train is full."""

    status = 429


class SplitInvalid(AppError):
    """The shares of a split leave nothing to train on, or are no shares."""

    status = 422


class ModelDamaged(AppError):
    """The file of a trained model is not what was written."""

    status = 422


class UploadInvalid(AppError):
    """What was sent is no multipart form with files, or has too many of them."""

    status = 422


class WebhookInvalid(AppError):
    """Nothing could be sent to the URL of a webhook, or it is to be told of nothing."""

    status = 422


class TooManyWebhooks(AppError):
    """The pool has as many webhooks as it may have."""

    status = 409
