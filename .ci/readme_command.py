"""Print the shell command of README.md that stands below the marker `<!-- NAME -->`."""

import re
import sys
from pathlib import Path

text = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
found = re.search(rf"<!-- {sys.argv[1]} -->\s*```bash\n(.*?)```", text, re.DOTALL)
if not found:
    sys.exit(f"README.md has no command marked <!-- {sys.argv[1]} -->")
print(found[1].strip())
