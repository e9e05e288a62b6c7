"""Why a file is no image that can be taken in."""

from app.errors.base import AppError


class PictureRefused(AppError):
    """A file is no picture that can be taken in; the class below says why."""

    status = 422


class PictureEmpty(PictureRefused):
    """The file has no bytes."""


class PictureTooBig(PictureRefused):
    """The file has more bytes than are allowed."""

    status = 413


class PictureTooLarge(PictureRefused):
    """The picture has more pixels than are allowed."""


class NotAPicture(PictureRefused):
    """The file's content is of no format that is read here, whatever its name says."""


class PictureUnsupported(PictureRefused):
    """The picture's pixels are numbers without a known range."""


class PictureDamaged(PictureRefused):
    """The file ends early, or its bytes are not what they should be."""


class DecodingTooSlow(PictureRefused):
    """Decoding the picture took too long and was stopped."""


class DecodingTooHungry(PictureRefused):
    """Decoding the picture would take too much memory and was stopped."""


class NameRefused(PictureRefused):
    """The name of a file in a source leads out of it, or is too long to be kept."""


class LinkRefused(PictureRefused):
    """A file in a source is a link to a folder, out of the source, or within an archive."""


class NotAFile(PictureRefused):
    """What has the name of a picture is a folder, a pipe, a socket or a device."""


class FileChanged(PictureRefused):
    """The file was written to while it was read."""


class FileMissing(PictureRefused):
    """The file is listed and is not there, or went away while the source was read."""


class FileUnreadable(PictureRefused):
    """The system does not let the file be read."""


class EntryEncrypted(PictureRefused):
    """An entry of an archive needs a password."""


class EntryDamaged(PictureRefused):
    """An entry of an archive cannot be unpacked."""


class ArchiveRefused(PictureRefused):
    """An archive that was sent cannot be read, or unpacks to more than is allowed; nothing of it is kept."""


class RowDamaged(PictureRefused):
    """A line of a list is not what it should be."""


class LabelMissing(PictureRefused):
    """An image of a test or a validation set has no label that is one of the pool's classes."""


class ArchiveTooBig(AppError):
    """An archive unpacks to more files or bytes than are allowed: it is taken for a bomb, and nothing of it is kept."""

    status = 413
