"""The rating app, for `streamlit run human_eval_app/app.py -- STUDY` (or with DRAWBENCH_STUDY set).

`drawbench rate STUDY` starts the same app with checks and clearer messages.
"""

from __future__ import annotations

import sys
from pathlib import Path

_HERE = Path(__file__).resolve().parent
# Streamlit puts this folder on the path, where names such as `store` and `web` would hide other packages.
sys.path[:] = [entry for entry in sys.path if Path(entry or ".").resolve() != _HERE]
if str(_HERE.parent) not in sys.path:
    sys.path.append(str(_HERE.parent))

from streamlit.starlette import App  # noqa: E402

from drawbench.errors import InputError  # noqa: E402
from harness.exits import BAD_INPUT, complain  # noqa: E402
from human_eval_app.web import assembly  # noqa: E402

try:
    _parts = assembly.parts(assembly.service_of_process(sys.argv[1:]))
except InputError as error:
    complain(str(error))
    sys.exit(BAD_INPUT)

app = App(_parts.script, routes=_parts.routes, middleware=_parts.middleware, lifespan=_parts.lifespan)
