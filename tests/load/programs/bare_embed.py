"""The model of bge-service without the service: the same texts, in the same batches, through tokenizers and ONNX Runtime in a loop.

It is run by the image of bge-service. Standard input is one line of JSON, {texts, seconds}; so is standard output, {seconds, whole}.
"""

import json
import sys
import time

from bge_service.encoder import Encoder, normalize
from bge_service.settings import BgeSettings

order, settings = json.loads(sys.stdin.readline()), BgeSettings()
encoder = Encoder(settings.model_path, settings.bge_max_length, settings.threads)
whole, began = [], time.monotonic()
while (now := time.monotonic()) < began + order["seconds"]:
    normalize(encoder.encode(encoder.tokenize(order["texts"])))
    whole.append(time.monotonic() - now)
print(json.dumps({"seconds": time.monotonic() - began, "whole": whole}))
