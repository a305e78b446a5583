"""What the tables of a database say, read without the role."""

import collections
import contextlib
import sqlite3
import subprocess

from programs import FINDINGS, Fault, Journal

RECORDS = "(" + " UNION ALL ".join(
    f"SELECT stream, sequence FROM {table}"
    for table in ("shares", "reports", "blocks", "block_statuses", "acknowledgments", "refused_records")) + ") AS records"


class SqliteTables:
    def __init__(self, file):
        self.file = file

    def ask(self, question):
        with contextlib.closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as database:
            return database.execute(question).fetchall()


class PostgresTables:
    """Through psql, so that no driver is needed."""

    def __init__(self, url):
        self.url = url

    def ask(self, question):
        done = subprocess.run(
            ["psql", "--no-psqlrc", "-v", "ON_ERROR_STOP=1", "-At", "-F", "|", self.url],
            input=f"SET search_path = storage_sv2;\n{question};\n", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise Fault(f"psql: {done.stderr}")
        return [tuple(int(value or 0) for value in line.split("|")) for line in done.stdout.splitlines()
                if not line.startswith("SET")]


def compare_by_hand(journal_file, tables):
    """The journal against the tables: what is lost, doubled or phantom."""
    found = collections.Counter()
    known = {stream_id % 2**64: (number, durable) for number, stream_id, durable in
             tables.ask("SELECT number, stream_id, durable_sequence FROM streams")}
    for stream_id, (sent, acknowledged) in Journal(journal_file).follow().streams.items():
        number, durable = known.pop(stream_id, (-1, 0))
        rows, distinct, least, most, within = tables.ask(
            "SELECT count(*), count(DISTINCT sequence), coalesce(min(sequence), 0), coalesce(max(sequence), 0), "
            f"count(DISTINCT CASE WHEN sequence <= {acknowledged} THEN sequence END) FROM {RECORDS} WHERE stream = {number}")[0]
        found["lost"] += acknowledged - within
        found["doubled"] += rows - distinct
        found["phantom"] += max(0, most - sent)
        if most != durable or (rows and least != 1) or rows != durable:
            found["altered"] += 1  # the stream's own number tells something else
    found["phantom"] += sum(durable for _, durable in known.values())
    found["doubled"] += tables.ask(
        "SELECT count(*) FROM (SELECT 1 FROM shares JOIN channels ON number = channel WHERE CAST(accepted AS INTEGER) = 1 AND "
        "verdict = 0 GROUP BY pool, share_hash HAVING count(*) > 1) AS doubled")[0][0]
    return {key: found[key] for key in FINDINGS}


def resent_shares(journal_file, tables, lives):
    """The first 1,000 records of each of the last streams, and how many of them the tables call duplicates."""
    resent = told = 0
    for stream_id in list(Journal(journal_file).follow().streams)[-lives:]:
        signed = stream_id - 2**64 if stream_id >= 2**63 else stream_id
        count, duplicates = tables.ask(
            "SELECT count(*), coalesce(sum(CASE WHEN verdict = 1 THEN 1 ELSE 0 END), 0) FROM shares JOIN streams ON number = "
            f"stream WHERE stream_id = {signed} AND sequence <= 1000")[0]
        resent += count
        told += duplicates
    return resent, told
