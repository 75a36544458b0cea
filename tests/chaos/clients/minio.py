"""Numbers as objects of the bucket `chaos`: `write`, `read`, `state`, `clean`, through the service minio-client.

MINIO_PASSWORD is the operator's: minio-credentials, key operator-password. Each number is a key and the content of its object.
"""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

BUCKET = "chaos"
ADDRESS = "minio-client:9000"
ERRORS = (BotoCoreError, ClientError)
THERE = {"BucketAlreadyExists", "BucketAlreadyOwnedByYou"}


def client(patience=3, attempts=1):
    """A client that leaves a silent server soon, and tries as often as is said."""
    return boto3.client(
        "s3",
        endpoint_url=f"https://{ADDRESS}",
        aws_access_key_id="operator",
        aws_secret_access_key=os.environ["MINIO_PASSWORD"],
        region_name="us-east-1",
        verify="/tls/ca.crt",
        config=Config(connect_timeout=2, read_timeout=patience, retries={"total_max_attempts": attempts}, s3={"addressing_style": "path"}),
    )


def make(s3):
    """The bucket, unless it is there."""
    try:
        s3.create_bucket(Bucket=BUCKET)
    except ClientError as error:
        if error.response["Error"]["Code"] not in THERE:
            raise


def write():
    """One number after the other; never ends by itself."""
    s3, number = client(), None
    while True:
        try:
            if number is None:
                make(s3)
                number = int(os.environ["START"])
            s3.put_object(Bucket=BUCKET, Key=str(number), Body=str(number).encode())
            print(number, time.time(), flush=True)
        except ERRORS as error:
            print("error", time.time(), " ".join(str(error).split()), flush=True)
        number = None if number is None else number + 1
        time.sleep(float(os.environ["PAUSE"]))


def keys(s3):
    """All keys of the bucket."""
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET):
        yield from (item["Key"] for item in page.get("Contents", []))


def read():
    """Every number whose object says so itself."""
    s3 = client(30, attempts=5)

    def content(key):
        return s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode()

    with ThreadPoolExecutor(8) as pool:
        for number in pool.map(content, list(keys(s3))):
            print(number)


def state():
    """Whether every server is there with a drive that needs no healing; no server leads."""
    host = f"https://operator:{os.environ['MINIO_PASSWORD']}@{ADDRESS}"
    env = {**os.environ, "MC_CONFIG_DIR": "/tmp/mc", "MC_HOST_site": host, "SSL_CERT_FILE": "/tls/ca.crt"}
    done = subprocess.run(["mc", "--json", "admin", "info", "site"], text=True, capture_output=True, timeout=30, check=True, env=env)
    servers = json.loads(done.stdout)["info"]["servers"]
    bad = {server["endpoint"]: server["state"] for server in servers if server["state"] != "online"}
    for server in servers:
        bad |= {drive["endpoint"]: drive["state"] for drive in server.get("drives", []) if drive["state"] != "ok" or drive.get("healing")}
    leader = next(server["endpoint"] for server in servers if server["state"] == "online").split(".")[0]
    print(json.dumps({"leader": leader, "whole": not bad, "why": f"{bad}" if bad else ""}))


def clean():
    """Leave nothing."""
    s3 = client(30, attempts=5)
    try:
        for key in keys(s3):
            s3.delete_object(Bucket=BUCKET, Key=key)
        s3.delete_bucket(Bucket=BUCKET)
    except s3.exceptions.NoSuchBucket:
        pass


{"write": write, "read": read, "state": state, "clean": clean}[sys.argv[1]]()
