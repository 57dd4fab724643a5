#!/usr/bin/env python3
"""attached.py PROGRAM ARG...: becomes the program, which ends when its parent does.

run-multitests.py starts an emulator in a session of its own and forgets it when it is
killed itself.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1

ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
if os.getppid() == 1:
    sys.exit(1)
os.execvp(sys.argv[1], sys.argv[1:])
