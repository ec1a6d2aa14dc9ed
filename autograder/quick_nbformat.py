"""nbformat, without the 1.8 seconds that its first import takes.

nbformat validates with jsonschema, and jsonschema compiles a grammar of web addresses as soon as
the package ``rfc3987_syntax`` is there (Jupyter's event system brings it). No notebook needs it.
Every command and every Dask worker that touches notebooks would wait for it.
"""

import sys

__all__ = ["nbformat"]

# None makes `import rfc3987_syntax` fail, and jsonschema goes on without that one format.
_hidden = sys.modules.setdefault("rfc3987_syntax", None)
import nbformat  # noqa: E402

if _hidden is None:
    del sys.modules["rfc3987_syntax"]
