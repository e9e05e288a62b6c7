"""Addresses of images. An address names its content, so a browser may keep the picture for ever."""


def image_url(image_id: int, sha256: str) -> str:
    """Where the picture is. The version keeps another database's image 17 out of the browser's cache."""
    return f"/images/{image_id}.png?v={image_version(sha256)}"


def image_version(sha256: str) -> str:
    """The part of an image's address that changes with its content."""
    return sha256[:8]
