#include "storage/postgres/schema.hpp"

#include "storage/postgres/views.hpp"
#include "storage/sql/columns.hpp"

#include <chrono>
#include <concepts>
#include <string_view>
#include <type_traits>

namespace storage::postgres {

namespace {

constexpr std::string_view tables_of_the_log = R"(
CREATE TABLE about (
    only_row integer PRIMARY KEY CHECK (only_row = 1),
    program text NOT NULL,
    schema_version integer NOT NULL,
    system_identifier bigint NOT NULL,
    timeline bigint NOT NULL
);

CREATE TABLE data_set (
    only_row integer PRIMARY KEY CHECK (only_row = 1),
    id bigint NOT NULL,
    generation bigint NOT NULL,
    fingerprint_key bytea NOT NULL
);

CREATE TABLE head (
    only_row integer PRIMARY KEY CHECK (only_row = 1),
    term bigint NOT NULL,
    position bigint NOT NULL,
    chain bytea NOT NULL,
    removed bigint NOT NULL,
    removed_chain bytea NOT NULL
) WITH (fillfactor = 10);
COMMENT ON COLUMN head.term IS 'of the role that wrote last';
COMMENT ON COLUMN head.removed IS 'records up to this position are gone, but those that are kept for ever';

CREATE TABLE streams (
    number bigint PRIMARY KEY,
    identity text COLLATE "C" NOT NULL,
    stream_id bigint NOT NULL,
    pool text COLLATE "C" NOT NULL,
    epoch bigint NOT NULL,
    durable_sequence bigint NOT NULL,
    removed_sequence bigint NOT NULL,
    UNIQUE (identity, stream_id)
) WITH (fillfactor = 50);
COMMENT ON COLUMN streams.removed_sequence IS 'records up to this one may have been taken out';

CREATE TABLE channels (
    number integer PRIMARY KEY,
    pool text COLLATE "C" NOT NULL,
    channel_id text COLLATE "C" NOT NULL,
    UNIQUE (channel_id, pool)
);
COMMENT ON COLUMN channels.channel_id IS 'empty: the pool itself, of records that belong to no channel';

CREATE TABLE users (
    number bigint PRIMARY KEY,
    pool text COLLATE "C" NOT NULL,
    user_identity text COLLATE "C" NOT NULL,
    UNIQUE (user_identity, pool)
);

CREATE TABLE refused_records (
    position bigint PRIMARY KEY,
    stream integer NOT NULL,
    sequence bigint NOT NULL,
    received_at bigint NOT NULL,
    verdict smallint NOT NULL,
    checksum bigint NOT NULL,
    bytes bytea NOT NULL
);
COMMENT ON TABLE refused_records IS 'bytes that are no record';

CREATE TABLE stretches (
    stream bigint NOT NULL,
    first_sequence bigint NOT NULL,
    first_position bigint NOT NULL,
    count bigint NOT NULL,
    PRIMARY KEY (stream, first_sequence)
);
COMMENT ON TABLE stretches IS 'of a stream''s sequence, at consecutive positions';

CREATE TABLE days (
    day bigint PRIMARY KEY,
    first_position bigint NOT NULL,
    last_position bigint NOT NULL,
    rows bigint NOT NULL
) WITH (fillfactor = 50);
COMMENT ON TABLE days IS 'of arrival, since 1970 UTC: which shares their partitions hold, and how many still';

CREATE TABLE runs (
    last_position bigint PRIMARY KEY,
    first_position bigint NOT NULL,
    chain bytea NOT NULL,
    first_received bigint NOT NULL,
    last_received bigint NOT NULL
);
COMMENT ON TABLE runs IS 'parts of the log that have been added up, one after the other';

CREATE TABLE derived (
    key bytea PRIMARY KEY,
    value bytea NOT NULL
);
COMMENT ON TABLE derived IS 'can be made again from the records';
)";

constexpr std::string_view head_of_record_table = R"(
    position bigint NOT NULL,
    received_at bigint NOT NULL,
    sequence bigint NOT NULL,
    checksum bigint NOT NULL,
    time bigint NOT NULL,
    stream integer NOT NULL,
    channel integer NOT NULL,
    verdict smallint NOT NULL,
)";

constexpr std::string_view head_of_hours = R"(
CREATE TABLE hours (
    subject smallint NOT NULL,
    number bigint NOT NULL,
    hour bigint NOT NULL,
    run bigint NOT NULL,
)";
constexpr std::string_view end_of_hours = R"(    checksum bigint NOT NULL,
    PRIMARY KEY (subject, number, hour, run)
);
CREATE INDEX hours_by_run ON hours (run);
COMMENT ON TABLE hours IS 'what the records of a run add up to';
COMMENT ON COLUMN hours.subject IS '1 of a channel, 2 of a user';
)";

template <class Value> std::string_view type_of(const protocol::Field<Value>& field) {
    using Plain = std::remove_const_t<Value>;
    if constexpr (std::same_as<Plain, std::uint8_t>) return "smallint NOT NULL";
    if constexpr (std::unsigned_integral<Plain>)
        return sql::is_real(field.name) ? "double precision NOT NULL" : "bigint NOT NULL";
    if constexpr (std::same_as<Plain, protocol::Str0_255>) return "text NOT NULL";
    if constexpr (std::same_as<Plain, protocol::Option<std::uint64_t>>) return "bigint";
    return "bytea NOT NULL";
}

template <class S> std::string definitions() {
    std::string lines;
    const S sample{};
    const auto add = [&](const auto& field) {
        lines.append("    ").append(field.name).append(" ").append(type_of(field)).append(",\n");
    };
    sql::columns_of(sample)([&](const auto&... field) { (add(field), ...); });
    return lines;
}

// No default partition: a share of a day without its own is better refused than put where the day could never begin.
// And attaching a day's would have to wait for everybody who reads the default one.
std::string partitions_of_no_day() {
    constexpr std::uint64_t end = protocol::last_timestamp + 1;
    return sql::join({"CREATE TABLE shares_before_days PARTITION OF shares FOR VALUES FROM (MINVALUE) TO (0);\n"
                      "CREATE TABLE shares_behind_days PARTITION OF shares FOR VALUES FROM (",
                      std::to_string(end), ") TO (MAXVALUE);\n"});
}

// Only shares come in such numbers that they are kept apart by the day of their arrival; and they alone are found by
// their fingerprints.
template <protocol::Record R> std::string record_table() {
    constexpr bool is_share = std::same_as<R, protocol::Share>;
    const std::string name{sql::table<R>};
    std::string sql = "\nCREATE TABLE ";
    sql.append(name).append(" (").append(head_of_record_table).append(definitions<R>());
    sql.append("    extra bytea NOT NULL");
    if (is_share)
        sql.append(",\n    fingerprint bigint\n) PARTITION BY RANGE (received_at);\n")
            .append(partitions_of_no_day())
            .append("CREATE INDEX shares_by_fingerprint ON shares (fingerprint) WHERE fingerprint IS NOT NULL;\n"
                    "CREATE INDEX shares_by_position ON shares (position);\n");
    else
        sql.append(",\n    PRIMARY KEY (position)\n);\n");
    sql.append("CREATE INDEX ").append(name).append("_by_time ON ").append(name);
    sql.append(" (channel, (time / 1000), time);\nCOMMENT ON COLUMN ").append(name).append(".verdict IS '0 stored; ");
    sql.append("1 duplicate-share, 2 above-target: counts nowhere';\nCOMMENT ON COLUMN ").append(name);
    return sql.append(".time IS 'timestamp where it is believed, else received_at';\n");
}

} // namespace

std::string schema() {
    std::string sql{tables_of_the_log};
    for (const std::string& one : sql::for_each_kind([]<protocol::Record R> { return record_table<R>(); })) sql += one;
    sql.append(head_of_hours).append(definitions<Tally>()).append(end_of_hours);
    return sql += views();
}

Day day_of(Milliseconds received_at) {
    return received_at > protocol::last_timestamp ? no_day : static_cast<Day>(received_at) / day_length;
}

std::string partition_of(Day day) {
    const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{day}}};
    std::string const digits = std::to_string((static_cast<int>(date.year()) * 10000) +
                                              (static_cast<int>(static_cast<unsigned>(date.month())) * 100) +
                                              static_cast<int>(static_cast<unsigned>(date.day())));
    return "shares_" + digits;
}

// Attached, not made in place: that would keep readers out of all of the table meanwhile.
std::string partition(Day day) {
    const std::string name = partition_of(day);
    return sql::join({"CREATE TABLE ", name, " (LIKE shares INCLUDING ALL); ALTER TABLE shares ATTACH PARTITION ", name,
                      " FOR VALUES FROM (", std::to_string(day * day_length), ") TO (",
                      std::to_string((day + 1) * day_length), ")"});
}

} // namespace storage::postgres
