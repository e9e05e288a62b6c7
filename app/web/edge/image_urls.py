"""Addresses of images. An address names its content, so a browser may keep the picture for ever."""


def image_url(image_id: int, sha256: str, *, is_own: bool = False) -> str:
    """Where the picture is: what the learner sees, or a preview of the original of an image of one's own.

    The version keeps another database's image 17 out of the browser's cache.
    """
    return f"/images/{image_id}.{'webp' if is_own else 'png'}?v={image_version(sha256)}"


def guideline_picture_url(slug: str, picture_id: int, sha256: str) -> str:
    """Where a picture of a pool's guideline is."""
    return f"/pools/{slug}/guideline/{picture_id}.webp?v={image_version(sha256)}"


def image_version(sha256: str) -> str:
    """The part of an image's address that changes with its content."""
    return sha256[:8]
