"""`python -m speech_service`: load the model, serve until SIGTERM."""

import sys

from voicehelper_common import read_settings, serve

from .app import make
from .engines import EngineError
from .settings import Settings

app = make(read_settings(Settings))
try:
    app.state.recognition.load()
except EngineError as error:
    sys.exit(str(error))
serve(app)
