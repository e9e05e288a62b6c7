"""Addresses of images. An address names its content, so a browser may keep the picture for ever."""

import zlib


def image_url(image_id: int, pixels: bytes) -> str:
    """Where the picture is. The checksum keeps another database's image 17 out of the browser's cache."""
    return f"/images/{image_id}.png?v={image_version(pixels)}"


def image_version(pixels: bytes) -> str:
    """What the address of an image says of its content."""
    return f"{zlib.crc32(pixels):08x}"
