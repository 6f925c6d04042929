"""One run() in a process of its own, by either package: `python one_run.py MODULE JSON`.

Runs under the Python of the package's own environment, so it imports nothing else. Its last line
is JSON: when it began, and when run() had ended.
"""

import importlib
import json
import os
import sys
import time

if __name__ == "__main__":
    begun = time.time()
    os.environ.setdefault("SENTRY_OPT_OUT", "1")
    module, arguments = sys.argv[1], json.loads(sys.argv[2])
    code = importlib.import_module(module).run(**arguments)
    print(json.dumps({"begun": begun, "ended": time.time()}))
    sys.exit(code)
