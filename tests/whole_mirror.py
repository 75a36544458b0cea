"""A mirror that holds the whole catalogue: its lock file, and the variables of a site that takes it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from artifacts.catalogue import Catalogue

SITE = {"artifacts_source": "mirror", "artifacts_base_url": "https://mirror.example", "artifacts_registry": "mirror.example:5000"}


def lock_file(path: Path) -> Path:
    """Write to ``path`` what `artifacts mirror` would: the catalogue's digests, and one for each image that it has none of."""
    images = {
        image.reference: image.digest or f"sha256:{hashlib.sha256(image.reference.encode()).hexdigest()}"
        for image in Catalogue.load().images()
    }
    path.write_text(json.dumps({"files": {}, "images": images}))
    return path
