"""Make what tests need, by theme. Every argument has a default: a test names only what matters to it.

A test that needs little takes it from here; one that needs much names the themes, a line each.
"""

from .acts import *  # noqa: F403
from .files import *  # noqa: F403
from .invited import *  # noqa: F403
from .logins import *  # noqa: F403
from .making import *  # noqa: F403
from .merged import *  # noqa: F403
from .stored import *  # noqa: F403
from .trained import *  # noqa: F403
from .watching import *  # noqa: F403
