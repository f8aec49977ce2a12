"""A database of its own for each run."""
import os

import psycopg2


def create(name):
    """Creates the database and returns its URL."""
    server = os.environ["JIAOYING_TEST_POSTGRES"]
    admin = psycopg2.connect(server)
    admin.autocommit = True
    admin.cursor().execute(f"create database {name}")
    admin.close()
    return f"{server.rsplit('/', 1)[0]}/{name}"
