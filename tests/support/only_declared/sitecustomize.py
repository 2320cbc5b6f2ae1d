"""Makes every Python process that has this folder on its path see only what ``REALGAIN_IMPORTABLE`` names.

Python imports a module of this name at its start, in child processes as well (workers, the fork server). The variable
names a JSON file with ``modules`` (top-level, beside the standard library) and ``distributions`` (canonical names).
What is not listed can't be imported, found or asked for its files, as if it were not installed.
"""

import json
import os
import re
import sys
from pathlib import Path


class Restricted:
    """A finder of Python's that finds permitted modules and distributions alone."""

    def __init__(self, finder, modules, distributions):
        self.finder, self.modules, self.distributions = finder, modules, distributions

    def __getattr__(self, name):
        return getattr(self.finder, name)

    def find_spec(self, fullname, path=None, target=None):
        if not permitted(fullname, self.modules):
            return None
        return self.finder.find_spec(fullname, path, target)

    def find_distributions(self, *arguments, **options):
        find = getattr(self.finder, "find_distributions", None)
        for found in find(*arguments, **options) if find else ():
            if re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower() in self.distributions:
                yield found


def permitted(name, modules):
    return name.partition(".")[0] in modules or name.startswith(("__", "_sysconfigdata"))  # the latter: by platform


def restrict(allowed):
    modules = set(allowed["modules"]) | sys.stdlib_module_names
    sys.meta_path[:] = [Restricted(finder, modules, set(allowed["distributions"])) for finder in sys.meta_path]
    for name in [name for name in sys.modules if not permitted(name, modules | {"sitecustomize"})]:
        del sys.modules[name]  # a .pth file has imported it


if "REALGAIN_IMPORTABLE" in os.environ:
    restrict(json.loads(Path(os.environ["REALGAIN_IMPORTABLE"]).read_text()))
