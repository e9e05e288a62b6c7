"""Names of files and folders in what is taken away: as people gave them, and safe wherever they are unpacked."""

import re
import unicodedata

MAX_BYTES = 200  # of a name in UTF-8: file systems take 255
# What Windows does not take, what separates folders, what cannot be seen, and what turns the direction of a text.
_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f/\\:*?"<>|\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufeff]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # devices of Windows
_SUFFIX = re.compile(r"\.[A-Za-z0-9]{1,8}$")


def as_safe_name(name: str) -> str:
    """The name of one file or folder, in any script: no path, no device, nothing hidden, at most MAX_BYTES bytes."""
    text = _UNSAFE.sub("_", unicodedata.normalize("NFC", name)).rstrip(". ").lstrip(" ")
    text = re.sub(r"^\.+", "_", text) or "_"
    text = f"_{text}" if _RESERVED.match(text) else text
    suffix = find_suffix(text)
    stem = text.removesuffix(suffix).encode()[: MAX_BYTES - len(suffix)].decode(errors="ignore")
    return stem.rstrip(". ") + suffix if suffix else stem.rstrip(". ")


def find_suffix(name: str) -> str:
    """The end of a name that says what the file is, with its dot, or ""."""
    match = _SUFFIX.search(name)
    return match[0] if match and match.start() else ""


class UniqueNames:
    """Gives each file of a folder a name of its own, also on file systems that do not tell capitals apart."""

    def __init__(self) -> None:
        self._taken = set[int]()  # hashes: 100,000 paths would take three times the memory

    def find(self, folder: str, name: str, number: int) -> str:
        """The path of a file: `name`, or with `number` behind it if another one of the folder has it."""
        suffix = find_suffix(name)
        stem = name.removesuffix(suffix)
        chosen, n_tried = f"{folder}{name}", 0
        while hash(chosen.casefold()) in self._taken:
            n_tried += 1
            chosen = (
                f"{folder}{stem}-{number}{suffix}" if n_tried == 1 else f"{folder}{stem}-{number}-{n_tried}{suffix}"
            )
        self._taken.add(hash(chosen.casefold()))
        return chosen
