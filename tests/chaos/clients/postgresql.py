"""Rows through postgres-master: `write` commits numbers one after the other; `read` prints those that are there; `clean` drops the table.

PGPASSWORD is the application's. Numbers start at the time in milliseconds: no run repeats those of another.
"""

import os
import sys
import time

import psycopg2

TARGET = (
    "host=postgres-master dbname=voicehelper user=voicehelper sslmode=verify-full sslrootcert=/tls/ca.crt connect_timeout=2 "
    "keepalives_idle=2 keepalives_interval=1 keepalives_count=2 tcp_user_timeout=3000"
)
TABLE = "chaos"


def execute(sql, *values):
    """One statement on a connection of its own; its rows, if it has any."""
    connection = psycopg2.connect(TARGET)
    connection.autocommit = True
    cursor = connection.cursor()
    cursor.execute(sql, values)
    return cursor.fetchall() if cursor.description else []


def write():
    """Never ends by itself."""
    connection, number = None, int(time.time() * 1000)
    while True:
        number += 1
        try:
            if connection is None:
                execute(f"CREATE TABLE IF NOT EXISTS {TABLE} (number bigint PRIMARY KEY)")
                connection = psycopg2.connect(TARGET)
                connection.autocommit = True
            connection.cursor().execute(f"INSERT INTO {TABLE} VALUES (%s)", (number,))
            print(number, time.time(), flush=True)
            time.sleep(float(os.environ["PAUSE"]))
        except psycopg2.Error as error:
            print("error", time.time(), str(error).splitlines()[0], flush=True)
            connection = None
            time.sleep(0.1)


def read():
    """Every number of the table."""
    for (number,) in execute(f"SELECT number FROM {TABLE}"):
        print(number)


def clean():
    """Leave nothing."""
    execute(f"DROP TABLE IF EXISTS {TABLE}")


{"write": write, "read": read, "clean": clean}[sys.argv[1]]()
