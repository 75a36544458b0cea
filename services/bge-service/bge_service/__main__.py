"""`python -m bge_service`."""

from voicehelper_common import read_settings, serve

from .api import make
from .settings import BgeSettings

serve(make(read_settings(BgeSettings)))
