"""Where things live."""

import os
import pathlib

SCRIPTS = pathlib.Path(__file__).resolve().parent.parent
PROJECT = SCRIPTS.parent


def cache_dir():
    """What is expensive to make and may be deleted at any time: $CAUSEWAY_CACHE, else /var/cache/causeway."""
    if "CAUSEWAY_CACHE" in os.environ:
        folder = pathlib.Path(os.environ["CAUSEWAY_CACHE"])
    elif os.geteuid() == 0:
        folder = pathlib.Path("/var/cache/causeway")
    else:
        folder = pathlib.Path.home() / ".cache" / "causeway"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
