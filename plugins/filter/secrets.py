"""Filters for the site's secrets."""

from __future__ import annotations

from ansible.errors import AnsibleFilterError

from bootstrap.secrets import objects
from bootstrap.secrets.store import SecretStoreError


def secret_objects(secrets: dict, user: str) -> dict[str, dict]:
    """The Secrets that the entries of `site_secrets` go into, as the role platform_secrets has them.

    Args:
        secrets: entries by name. `objects` of an entry are `namespace/Secret/key`, of a certificate `namespace/Secret`.
        user: as whom applications sign in everywhere.

    Raises:
        AnsibleFilterError: a place has another form, or two entries have the same.
    """
    try:
        return objects.secret_objects(secrets, user)
    except SecretStoreError as error:
        raise AnsibleFilterError(str(error)) from error


class FilterModule:
    """Makes the filters known to Ansible."""

    def filters(self):
        return {"secret_objects": secret_objects}
