"""`python -m llm_runtime`: load the model, serve until SIGTERM."""

import sys

from voicehelper_common import read_settings, serve

from .app import key_of, make
from .engine import EngineError
from .settings import Settings

settings = read_settings(Settings)
try:
    if not key_of(settings):
        sys.exit("API_KEY: found nothing, wanted a key there, or a file that holds it in API_KEY_FILE")
    app = make(settings)
    app.state.engine.load()
except (EngineError, OSError) as error:
    sys.exit(str(error))
serve(app)
