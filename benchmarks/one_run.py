"""One run() in a process of its own, by either package: `python one_run.py MODULE JSON`.

Runs under the Python of the package's own environment, so it imports nothing else.
"""

import importlib
import json
import os
import sys

if __name__ == "__main__":
    os.environ.setdefault("SENTRY_OPT_OUT", "1")
    module, arguments = sys.argv[1], json.loads(sys.argv[2])
    sys.exit(importlib.import_module(module).run(**arguments))
