"""`python -m voice_service`."""

from voicehelper_common import read_settings, serve

from .app import make_app
from .settings import VoiceSettings

if __name__ == "__main__":
    serve(make_app(read_settings(VoiceSettings)))
