"""The process in which Arm's Vela compiles a model: ``python -m course.tflite._vela OPTIONS``.

Vela is a compiler for files from friends: a damaged one ends its process.
"""

from __future__ import annotations

import os
import sys

# Vela takes 120 MB for the models of the course.
_MEMORY_BYTES = 2 << 30


def main() -> int:
    """Run Vela with limits."""
    if os.name == "posix":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if sys.platform == "linux":
            hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
            most = _MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(_MEMORY_BYTES, hard)
            resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    from ethosu.vela.vela import main as vela

    return vela(sys.argv[1:]) or 0


if __name__ == "__main__":
    sys.exit(main())
