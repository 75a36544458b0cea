"""`python -m faiss_service`."""

from voicehelper_common import read_settings, serve

from .api import make
from .settings import FaissSettings

serve(make(read_settings(FaissSettings)))
