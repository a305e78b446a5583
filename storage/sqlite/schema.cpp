#include "storage/sqlite/schema.hpp"

namespace storage::sqlite {

// The comments inside are for the reader of `.schema`, which shows them.
const char* const schema = R"(
CREATE TABLE data_set (
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    id INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    fingerprint_key BLOB NOT NULL
) STRICT;

CREATE TABLE head ( -- of the log
    only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
    term INTEGER NOT NULL, -- of the role that wrote last
    position INTEGER NOT NULL, -- of the last record
    chain BLOB NOT NULL
) STRICT;

CREATE TABLE streams (
    number INTEGER PRIMARY KEY,
    identity TEXT NOT NULL,
    stream_id INTEGER NOT NULL,
    pool TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    durable_sequence INTEGER NOT NULL,
    UNIQUE (identity, stream_id)
) STRICT;

CREATE TABLE channels (
    number INTEGER PRIMARY KEY,
    pool TEXT NOT NULL,
    channel_id TEXT NOT NULL,
    UNIQUE (pool, channel_id)
) STRICT;

CREATE TABLE shares (
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL, -- streams.number
    sequence INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    verdict INTEGER NOT NULL, -- 0 stored, 1 duplicate-share, 2 above-target
    checksum INTEGER NOT NULL,
    channel INTEGER NOT NULL, -- channels.number
    time INTEGER NOT NULL, -- timestamp where it is believed, else received_at
    sequence_number INTEGER NOT NULL,
    share_hash BLOB NOT NULL,
    target BLOB, -- NULL: not told
    share_work INTEGER NOT NULL,
    difficulty REAL NOT NULL,
    timestamp INTEGER NOT NULL,
    accepted INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    outcome_data BLOB, -- NULL: empty, as the next
    extra BLOB,
    user_identity TEXT NOT NULL,
    label TEXT NOT NULL
) STRICT;
CREATE INDEX shares_by_time ON shares (channel, time);

CREATE TABLE blocks (
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    time INTEGER NOT NULL,
    share_hash BLOB NOT NULL, -- the block's
    template_id INTEGER,
    coinbase BLOB, -- NULL: empty, as extra
    difficulty REAL NOT NULL,
    timestamp INTEGER NOT NULL,
    extra BLOB,
    label TEXT NOT NULL
) STRICT;
CREATE INDEX blocks_by_time ON blocks (channel, time);

CREATE TABLE acknowledgments ( -- of batches of shares
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    channel INTEGER NOT NULL,
    time INTEGER NOT NULL,
    last_sequence_number INTEGER NOT NULL,
    new_submits_accepted_count INTEGER NOT NULL,
    new_shares_sum INTEGER NOT NULL,
    timestamp INTEGER NOT NULL,
    extra BLOB, -- NULL: empty
    label TEXT NOT NULL
) STRICT;
CREATE INDEX acknowledgments_by_time ON acknowledgments (channel, time);

CREATE TABLE refused_records ( -- bytes that are no record
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL,
    sequence INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    verdict INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    bytes BLOB NOT NULL -- as sent
) STRICT;

CREATE TABLE stretches ( -- of a stream's sequence, at consecutive positions
    stream INTEGER NOT NULL,
    first_sequence INTEGER NOT NULL,
    first_position INTEGER NOT NULL,
    count INTEGER NOT NULL,
    PRIMARY KEY (stream, first_sequence)
) STRICT, WITHOUT ROWID;

CREATE TABLE fingerprints ( -- of the hashes of shares that count
    fingerprint INTEGER NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, position)
) STRICT, WITHOUT ROWID;

CREATE TABLE derived ( -- can be made again from the records
    key BLOB PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
)";

} // namespace storage::sqlite
