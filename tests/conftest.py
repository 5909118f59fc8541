"""What every test may count on."""

from __future__ import annotations

import signal

# A shell has its background jobs ignore Ctrl-C; tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)
