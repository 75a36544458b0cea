"""Keeps buckets, users with their policies, and settings of MinIO as declared, by means of mc.

No bucket and no user is dropped, but a user keeps no policy that is not declared. One that an operator disabled stays disabled.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from programs import protocol
from programs.protocol import Absent, Actions, Refusal, Wanted
from programs.waiting import until

Json = dict[str, Any]
Change = tuple[str, Callable[[], object]]  # what it is called, and how it is done
WRONG = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "XMinioAdminNoSuchUser"}
READ = ["s3:GetObject", "s3:GetObjectTagging", "s3:GetObjectVersion"]
WRITE = ["s3:PutObject", "s3:PutObjectTagging", "s3:DeleteObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
ABOUT = ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"]


class McError(Refusal):
    """mc could not do it. `code` is S3's word for the reason, if it has one."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class Mc:
    """mc with two aliases in its environment: `site`, and `user` where a password is tried."""

    def __init__(self, address: str, root: Json, folder: str) -> None:
        self._address, self._folder = address, folder
        self._site = self._url(root["name"], root["password"])

    def __call__(self, *words: str, given: str | None = None, user: tuple[str, str] | None = None) -> list[Json]:
        """What a command answers, a list of documents.

        :param given: its standard input.
        :param user: (name, password) of the alias `user`.
        :raises McError: it failed.
        """
        env = {**os.environ, "MC_CONFIG_DIR": self._folder, "MC_HOST_site": self._site}
        if user:
            env["MC_HOST_user"] = self._url(*user)
        done = subprocess.run(["mc", "--json", *words], input=given or "", text=True, capture_output=True, env=env, timeout=60, check=False)
        answers = documents(done.stdout)
        said = [answer["error"] for answer in answers if "error" in answer]
        errors = [each.get("cause") or each if isinstance(each, dict) else {"message": each} for each in said]  # `admin info` only says it
        if errors or done.returncode:
            cause = errors[0] if errors else {"message": done.stderr}
            reason = cause.get("error")
            raise McError(f"mc {' '.join(words)}: {cause['message']}", reason.get("Code", "") if isinstance(reason, dict) else "")
        return answers

    def _url(self, name: str, password: str) -> str:
        return f"https://{name}:{password}@{self._address}"


def documents(text: str) -> list[Json]:
    """JSON documents that follow one another."""
    decoder, found, text = json.JSONDecoder(), [], text.strip()
    while text:
        document, end = decoder.raw_decode(text)
        found.append(document)
        text = text[end:].lstrip()
    return found


def policy(buckets: list[Json]) -> Json:
    """The policy that lets a user reach some buckets, or folders of them."""
    statements: list[Json] = []
    for bucket in buckets:
        where = f"arn:aws:s3:::{bucket['name']}"
        folder = f"{bucket['folder']}/" if bucket.get("folder") else ""
        about = [*ABOUT, "s3:ListAllMyBuckets"] if bucket["name"] == "*" else ABOUT
        statements.append({"Effect": "Allow", "Action": about, "Resource": [where]})
        listing: Json = {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": [where]}
        if folder:
            listing["Condition"] = {"StringLike": {"s3:prefix": [folder.rstrip("/"), f"{folder}*"]}}
        statements.append(listing)
        actions = READ + (WRITE if bucket.get("write") else [])
        statements.append({"Effect": "Allow", "Action": actions, "Resource": [f"{where}/{folder}*"]})
    statements = [each for number, each in enumerate(statements) if each not in statements[:number]]  # MinIO keeps one of each
    # Whoever may remove an object may also remove its versions, unless it is denied.
    statements.append({"Effect": "Deny", "Action": ["s3:DeleteObjectVersion"], "Resource": ["arn:aws:s3:::*"]})
    return {"Version": "2012-10-17", "Statement": statements}


def rules(bucket: Json) -> dict[str, Json]:
    """The lifecycle rules of a bucket, by their ID."""
    found: list[Json] = []
    if bucket.get("keep_versions"):
        days = {"NoncurrentDays": bucket["keep_versions"]}
        found.append({"ID": "versions", "NoncurrentVersionExpiration": days, "Expiration": {"ExpiredObjectDeleteMarker": True}})
    for folder in bucket.get("expire") or []:
        found.append({"ID": f"expire {folder['prefix']}", "Filter": {"Prefix": folder["prefix"]}, "Expiration": {"Days": folder["days"]}})
    return {rule["ID"]: {"Status": "Enabled", **rule} for rule in found}


def same(wanted: Any, found: Any) -> bool:
    """Whether everything that is wanted is found; the order of lists means nothing, and what was added by default neither."""
    if isinstance(wanted, dict):
        return isinstance(found, dict) and all(same(value, found.get(key)) for key, value in wanted.items())
    if isinstance(wanted, list):
        found = found if isinstance(found, list) else [found]
        return len(wanted) == len(found) and all(any(same(item, other) for other in found) for item in wanted)
    return wanted == found


def bucket_changes(mc: Mc, bucket: Json, there: set[str]) -> Iterator[Change]:
    """Yield (action, how) for what a bucket lacks."""
    name, target = bucket["name"], f"site/{bucket['name']}"
    if name not in there:
        yield f"CREATE BUCKET {name}", lambda: mc("mb", target)
    if bucket.get("versioning") and (name not in there or mc("version", "info", target)[0]["versioning"].get("status") != "Enabled"):
        yield f"ENABLE VERSIONS OF {name}", lambda: mc("version", "enable", target)
    wanted, found = rules(bucket), _lifecycle(mc, target) if name in there else {}
    if not same(wanted, found):
        text = json.dumps({"Rules": list({**found, **wanted}.values())})
        yield f"SET LIFECYCLE OF {name}", lambda: mc("ilm", "rule", "import", target, given=text)


def _lifecycle(mc: Mc, target: str) -> dict[str, Json]:
    try:
        return {rule["ID"]: rule for rule in mc("ilm", "rule", "export", target)[0]["config"]["Rules"]}
    except McError as error:
        if error.code == "NoSuchLifecycleConfiguration":
            return {}
        raise


def user_changes(mc: Mc, user: Json, there: dict[str, Json], policies: set[str]) -> Iterator[Change]:
    """Yield (action, how) for what a user lacks, and for what it has beyond that."""
    name, wanted, found = user["name"], list(user.get("policies") or []), there.get(user["name"], {})
    if user.get("buckets"):
        wanted.append(name)
        text = json.dumps(policy(user["buckets"]))
        if name not in policies or not same(json.loads(text), mc("admin", "policy", "info", "site", name)[0]["policyInfo"]["Policy"]):
            yield f"SET POLICY {name}", lambda: mc("admin", "policy", "create", "site", name, "/dev/stdin", given=text)
    if not found or (found.get("userStatus") != "disabled" and not accepted(mc, user)):  # a new password would enable it
        action = "SET PASSWORD OF" if found else "CREATE"
        yield f"{action} USER {name}", lambda: mc("admin", "user", "add", "site", given=f"{name}\n{user['password']}\n")
    attached = [each for each in found.get("policyName", "").split(",") if each]
    for verb, near, names in (
        ("attach", "TO", [each for each in wanted if each not in attached]),
        ("detach", "FROM", [each for each in attached if each not in wanted]),
    ):
        for each in names:
            yield f"{verb.upper()} {each} {near} {name}", lambda v=verb, each=each: mc("admin", "policy", v, "site", each, "--user", name)


def accepted(mc: Mc, user: Json) -> bool:
    """Whether a user's password is in force; what the user may do is another matter."""
    try:
        mc("ls", "user", user=(user["name"], user["password"]))
    except McError as error:
        if error.code not in WRONG | {"AccessDenied"}:
            raise
        return error.code not in WRONG
    return True


def setting_changes(mc: Mc, subsystem: str, wanted: Json) -> Iterator[Change]:
    """Yield (action, how) for settings that differ."""
    found = {entry["key"]: entry["value"] for part in mc("admin", "config", "get", "site", subsystem)[0]["config"] for entry in part["kv"]}
    for key, value in wanted.items():
        if found.get(key) != str(value):
            pair = f"{key}={value}"
            yield f"SET {subsystem} {pair}", lambda pair=pair: mc("admin", "config", "set", "site", subsystem, pair)


def changes(mc: Mc, wanted: Wanted) -> list[Change]:
    """All (action, how), in an order in which they work."""
    buckets = {entry["key"].rstrip("/") for entry in mc("ls", "site")}
    users = {entry["accessKey"]: entry for entry in mc("admin", "user", "list", "site")}
    policies = {entry["policy"] for entry in mc("admin", "policy", "list", "site")}
    with ThreadPoolExecutor(4) as pool:
        parts = [pool.submit(lambda b=bucket: list(bucket_changes(mc, b, buckets))) for bucket in wanted["buckets"]]
        parts += [pool.submit(lambda u=user: list(user_changes(mc, u, users, policies))) for user in wanted["users"]]
        parts += [pool.submit(lambda s=item: list(setting_changes(mc, *s))) for item in wanted["settings"].items()]
        return [change for part in parts for change in part.result()]


def serves(mc: Mc, patience: float) -> None:
    """Return when the cluster answers.

    :raises Absent: why it does not.
    """
    try:
        until(lambda: mc("ls", "site") is not None, patience, faults=McError)
    except McError as error:
        raise Absent(str(error)) from error


def converge(wanted: Wanted, actions: Actions) -> None:
    """See programs.protocol."""
    with tempfile.TemporaryDirectory() as folder:
        mc = Mc(wanted["address"], wanted["root"], folder)
        serves(mc, protocol.patience(wanted))
        for name, how in changes(mc, wanted):
            if actions.add(name):
                how()


if __name__ == "__main__":
    protocol.keep(converge, subprocess.TimeoutExpired)
