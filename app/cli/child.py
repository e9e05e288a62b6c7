"""Commands that another process of Inkling starts: they give way, and end with their parent."""

import os
import threading
from contextlib import suppress

STANDARD_INPUT = 0
NICENESS = 15  # below the trainer's rounds


def end_with_parent() -> None:
    """End this process when its standard input ends, however its parent ends. What it was computing is lost."""
    threading.Thread(target=_wait_for_end, name="parent", daemon=True).start()


def give_way() -> None:
    """Let everything else go first."""
    os.nice(NICENESS)


def _wait_for_end() -> None:
    with suppress(OSError):  # closed: there is no parent
        # Not sys.stdin: this thread would hold its lock for ever, and Python aborts at its end over that.
        while os.read(STANDARD_INPUT, 1):
            pass
    os._exit(0)
