"""`python -m algo_service`: the API."""

from voicehelper_common import read_settings, serve

from .api import make_app
from .settings import AlgoSettings

if __name__ == "__main__":
    serve(make_app(read_settings(AlgoSettings)))
