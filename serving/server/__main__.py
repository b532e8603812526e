"""`python -m slipline.serving.server`."""

from __future__ import annotations

import sys

from slipline.serving.server.process import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
