"""The Secrets of the cluster that a site's secrets go into, as the entries themselves say: `objects` of site_secrets."""

from __future__ import annotations

import re
from typing import Any

from bootstrap.secrets.entries import Specification
from bootstrap.secrets.store import SecretStoreError

ROLE = "platform_secrets"  # hands them out
USER = re.compile(r"(.+)_PASSWORD")  # in capitals: what an application reads


def secret_objects(specifications: dict[str, Specification], user: str) -> dict[str, dict[str, Any]]:
    """The Secrets by name, as the role platform_secrets has them: {namespace, secrets, plain} or {namespace, certificate}.

    An entry's `objects` are `namespace/Secret/key`, or `namespace/Secret` for a certificate; the namespace is a key of platform_namespaces.
    Beside `X_PASSWORD` stands `X_USER`, the entry's `user` where it has one (empty: none), and beside the key of the bucket's user NAME, in
    the Secret NAME-s3, its name.

    Args:
        specifications: entries of site_secrets by name.
        user: as whom applications sign in everywhere else.

    Raises:
        SecretStoreError: a place is none of these, is taken, or is in another namespace than the rest of its Secret.
    """
    found: dict[str, dict[str, Any]] = {}
    for entry, specification in specifications.items():
        for place in specification.get("objects", ()):
            namespace, _, rest = place.partition("/")
            name, _, key = rest.partition("/")
            whole = specification["kind"] == "certificate"
            item = found.setdefault(name, {"namespace": namespace})
            taken = "certificate" in item or ("secrets" in item if whole else key in item.get("secrets", {}))
            if not name or bool(key) is whole or taken or item["namespace"] != namespace:
                wanted = "namespace/Secret" if whole else "namespace/Secret/key"
                raise SecretStoreError(f"site_secrets.{entry}.objects: found {place}; wanted {wanted}, which no other entry has.")
            if whole:
                item["certificate"] = entry
                continue
            item.setdefault("secrets", {})[key] = entry
            if (named := USER.fullmatch(key)) and (signs_in := specification.get("user", user)):
                item.setdefault("plain", {})[f"{named[1]}_USER"] = signs_in
            if key == "secret-key":
                item.setdefault("plain", {})["access-key"] = name.removesuffix("-s3")
    return found
