"""`python -m slipline.serving.server`."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    try:
        from slipline.serving.server.process import main
    except ModuleNotFoundError as error:
        sys.exit(f"the server needs {error.name}, which is not installed: pip install 'slipline[pipeline]'")
    sys.exit(main(sys.argv[1:]))
