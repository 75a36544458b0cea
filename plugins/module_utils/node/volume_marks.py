"""Marks of static volumes: a file beside a volume's directory says which claim of which site the data in it belong to.

    /data/minio/vol-0         the volume
    /data/minio/vol-0.claim   {"claim": "voicehelper-storage/data-minio-2", "site": "4f1c…"}

It lies beside the directory, not in it, so that no pod can reach it.
"""

from __future__ import annotations

import json
from pathlib import Path

SUFFIX = ".claim"


class Refused(Exception):
    """Data of somebody else; the text says what was found, what was wanted and what to do."""


def text(claim, site):
    """Content of a mark."""
    return json.dumps({"claim": claim, "site": site}, sort_keys=True) + "\n"


def claims(root, site):
    """{path of a volume below `root`: its claim, as `namespace/name`} of every mark on the disk.

    :raises Refused: for a mark that cannot be read, or of another site.
    """
    files = sorted(Path(root).glob(f"*/*{SUFFIX}"))
    return {str(file).removesuffix(SUFFIX): _claim(file, site) for file in files}


def refusal(volume, site):
    """Why the wanted `volume` ({path, claim, live}) may not be what lies on the disk; '' when it may.

    :raises Refused: for a mark that cannot be read, or of another site.
    """
    path, wanted = volume["path"], volume["claim"]
    mark = Path(path + SUFFIX)
    held = _claim(mark, site) if mark.exists() else ""
    if held and held != wanted:
        return (
            f"{path}: found data of the claim {held} ({path}{SUFFIX}), wanted "
            f"{f'those of {wanted}' if wanted else 'a volume that nobody owns, as the cluster has that claim elsewhere or freed it'}; "
            f"put the disk of {wanted or held} in, or, if nothing in it is needed, remove {path} and {path}{SUFFIX}"
        )
    if not held and not volume["live"] and _filled(Path(path)):
        return (
            f"{path}: found data that no {path}{SUFFIX} gives an owner, and no cluster that knows it, wanted an empty directory; "
            f"write whose they are, '{text('NAMESPACE/CLAIM', site).strip()}', or, if nothing in it is needed, remove {path}"
        )
    return ""


def _claim(file, site):
    try:
        mark = json.loads(file.read_text())
        claim, found = mark["claim"], mark["site"]
    except (ValueError, KeyError, TypeError) as error:
        raise Refused(f"{file}: found no mark of a volume ({error!r}), wanted {text('NAMESPACE/CLAIM', site).strip()!r}") from error
    if found != site:
        raise Refused(
            f"{file}: found data of the claim {claim} of the site {found}, wanted this site, {site}; bring back that site's vault, or, "
            "if nothing on it is needed, make the disk new"
        )
    return claim


def _filled(directory):
    return directory.is_dir() and any(directory.iterdir())
