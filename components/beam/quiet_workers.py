"""Imported first where workers are forked: nothing below an error is logged, as in `open_pipeline`."""

import logging

logging.disable(logging.WARNING)
