"""Runs first in vLLM's engine process, in place of the user's script: the process ends when its parent does, however that ends.

vLLM starts its engine by spawning, which would run the user's script a second time; see `spawning` in `start.py`.
Imports nothing of this package: it must work from any working directory.
"""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import warnings

PR_SET_PDEATHSIG = 1  # linux/prctl.h

if __name__ == "__mp_main__":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    # Ctrl-C in a terminal or notebook reaches every process of the group; it is to end an answer, not the engine.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    if os.environ.get("VLLM_LOGGING_LEVEL") == "ERROR":
        warnings.simplefilter("ignore")  # of vLLM about its own libraries
        logging.getLogger("torch._library.triton").setLevel(logging.ERROR)
