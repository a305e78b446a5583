#include "storage/sqlite/schema.hpp"

#include "storage/sqlite/columns.hpp"
#include "storage/sqlite/views.hpp"

namespace storage::sqlite {

namespace {

// The comments inside are for the reader of `.schema`, which shows them.
constexpr std::string_view tables_of_the_log = R"(
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
    chain BLOB NOT NULL,
    removed INTEGER NOT NULL, -- records up to this position are gone, but those that are kept for ever
    removed_chain BLOB NOT NULL
) STRICT;

CREATE TABLE streams (
    number INTEGER PRIMARY KEY,
    identity TEXT NOT NULL,
    stream_id INTEGER NOT NULL,
    pool TEXT NOT NULL,
    epoch INTEGER NOT NULL,
    durable_sequence INTEGER NOT NULL,
    removed_sequence INTEGER NOT NULL, -- records up to this one may have been taken out
    UNIQUE (identity, stream_id)
) STRICT;

CREATE TABLE channels (
    number INTEGER PRIMARY KEY,
    pool TEXT NOT NULL,
    channel_id TEXT NOT NULL, -- empty: the pool itself, of records that belong to no channel
    UNIQUE (channel_id, pool)
) STRICT;

CREATE TABLE users (
    number INTEGER PRIMARY KEY,
    pool TEXT NOT NULL,
    user_identity TEXT NOT NULL,
    UNIQUE (user_identity, pool)
) STRICT;

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

CREATE TABLE runs ( -- parts of the log that have been added up, one after the other
    last_position INTEGER PRIMARY KEY,
    first_position INTEGER NOT NULL,
    chain BLOB NOT NULL,
    first_received INTEGER NOT NULL,
    last_received INTEGER NOT NULL
) STRICT;

CREATE TABLE derived ( -- can be made again from the records
    key BLOB PRIMARY KEY,
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;
)";

constexpr std::string_view head_of_record_table = R"(
    position INTEGER PRIMARY KEY,
    stream INTEGER NOT NULL, -- streams.number
    sequence INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    verdict INTEGER NOT NULL, -- 0 stored; 1 duplicate-share, 2 above-target: counts nowhere
    checksum INTEGER NOT NULL,
    channel INTEGER NOT NULL, -- channels.number
    time INTEGER NOT NULL, -- timestamp where it is believed, else received_at
)";

constexpr std::string_view head_of_hours = R"(
CREATE TABLE hours ( -- what the records of a run add up to
    subject INTEGER NOT NULL, -- 1 of a channel, 2 of a user
    number INTEGER NOT NULL, -- channels.number or users.number
    hour INTEGER NOT NULL, -- of records' time, since 1970 UTC
    run INTEGER NOT NULL, -- runs.last_position
)";
constexpr std::string_view end_of_hours = R"(    checksum INTEGER NOT NULL,
    PRIMARY KEY (subject, number, hour, run)
) STRICT, WITHOUT ROWID;
CREATE INDEX hours_by_run ON hours (run);
)";

constexpr std::string_view comment_on(std::string_view column) {
    if (column == "target") return " -- empty: not told";
    if (column == "outcome") return " -- 0 none, 1 valid, 2 valid with acknowledgment, 3 block found, 4 failed";
    if (column == "status") return " -- 1 submitted, 2 confirmed, 3 orphaned";
    if (column == "outcome_data" || column == "rejects" || column == "wtxid_list") return " -- as sent";
    return {};
}

template <class S> std::string definitions() {
    std::string lines;
    const S sample{};
    const auto add = [&](const auto& field) {
        lines.append("    ").append(field.name).append(" ").append(type_of(field)).append(",");
        lines.append(comment_on(field.name)).append("\n");
    };
    columns_of(sample)([&](const auto&... field) { (add(field), ...); });
    return lines;
}

template <protocol::Record R> std::string record_table() {
    std::string sql = "\nCREATE TABLE ";
    sql.append(table<R>).append(" (").append(head_of_record_table).append(definitions<R>());
    sql.append("    extra BLOB NOT NULL -- bytes behind the fields\n) STRICT;\n");
    sql.append("CREATE INDEX ")
        .append(table<R>)
        .append("_by_time ON ")
        .append(table<R>)
        .append(" (channel, time / 1000, time);\n");
    return sql;
}

} // namespace

std::string schema() {
    std::string sql{tables_of_the_log};
    for (const std::string& one : for_each_kind([]<protocol::Record R> { return record_table<R>(); })) sql += one;
    sql.append(head_of_hours).append(definitions<Tally>()).append(end_of_hours);
    return sql += views();
}

} // namespace storage::sqlite
