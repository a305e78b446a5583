#include "storage/postgres/entries.hpp"

#include "storage/postgres/copy.hpp"
#include "storage/sql/entry_rows.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

namespace storage::postgres {

namespace {

using protocol::ChannelRecord;
using protocol::Record;
using sql::bound;
using sql::for_each_kind;
using sql::join;
using sql::table;

constexpr std::size_t kinds = std::variant_size_v<protocol::AnyRecord>;
constexpr std::size_t refused = kinds; // its place behind the others
using Read = Result<void> (*)(const Rows&, LogEntry&);

constexpr std::string_view in_range = " WHERE position >= $1 AND position <= $2";
constexpr std::string_view in_order = " ORDER BY position LIMIT $3";
// The index, which has seconds before milliseconds, gives the order and both its ends: rows are read from the newest
// until there are enough.
constexpr std::string_view in_time =
    " WHERE channel = $1::int8::int4 AND time / 1000 >= $2 / 1000 AND time / 1000 <= $3 / 1000 AND time >= $2 AND "
    "(time, position) < ($3, $4) AND position <= $5 ORDER BY time / 1000 DESC, time DESC, position DESC LIMIT $6";
constexpr std::string_view any = " WHERE channel = $1::int8::int4 AND time / 1000 >= $2 / 1000 AND "
                                 "time / 1000 <= $3 / 1000 AND time >= $2 AND time <= $3 AND position <= $4) OR ";

template <class R> constexpr bool is_share = std::same_as<R, protocol::Share>;

// The channel's name comes last. A row whose channel is missing must be seen, as damage: hence the left join.
template <Record R> std::string select() {
    if constexpr (ChannelRecord<R>)
        return join({"SELECT ", sql::columns<R>(), ", channel_id FROM ", table<R>,
                     " LEFT JOIN channels ON channels.number = channel"});
    else
        return join({"SELECT ", sql::columns<R>(), " FROM ", table<R>});
}

std::array<std::string, kinds + 1> statements_by_position() {
    std::array<std::string, kinds + 1> statements;
    std::ranges::copy(for_each_kind([]<Record R> {
                          const std::string_view arrived =
                              is_share<R> ? " AND received_at >= $4 AND received_at < $5" : "";
                          return join({select<R>(), in_range, arrived, in_order});
                      }),
                      statements.begin());
    statements[refused] = join({"SELECT ", sql::common_columns, ", bytes FROM refused_records", in_range, in_order});
    return statements;
}

std::string select_any() {
    std::string sql = "SELECT (";
    for (const std::string_view name : for_each_kind([]<Record R> { return table<R>; }))
        sql.append("EXISTS (SELECT 1 FROM ").append(name).append(any);
    return sql.append("false)");
}

const std::array table_names = [] {
    std::array<std::string_view, kinds + 1> names;
    std::ranges::copy(for_each_kind([]<Record R> { return table<R>; }), names.begin());
    names[refused] = "refused_records";
    return names;
}();

const std::array position_statements = statements_by_position();
const std::array time_statements = for_each_kind([]<Record R> { return select<R>().append(in_time); });
const std::string any_statement = select_any();

const std::array readers = [] {
    std::array<Read, kinds + 1> readers{};
    std::ranges::copy(for_each_kind([]<Record R> { return Read{sql::read_record<R, Rows>}; }), readers.begin());
    readers[refused] = sql::read_refused<Rows>;
    return readers;
}();

const std::array copy_statements = [] {
    std::array<std::string, kinds + 1> statements;
    std::ranges::copy(for_each_kind([]<Record R> {
                          return join({"COPY ", table<R>, " (", sql::columns<R>(), is_share<R> ? ", fingerprint" : "",
                                       ") FROM STDIN (FORMAT binary); "});
                      }),
                      statements.begin());
    statements[refused] =
        join({"COPY refused_records (", sql::common_columns, ", bytes) FROM STDIN (FORMAT binary); "});
    return statements;
}();

constexpr std::size_t common = 6;

void put_common(CopyRows& rows, const LogEntry& entry, std::size_t others) {
    rows.begin_row(common + others);
    rows.bigint(entry.position);
    rows.integer(entry.stream);
    rows.bigint(entry.sequence);
    rows.bigint(entry.received_at);
    rows.smallint(std::to_underlying(entry.verdict));
    rows.bigint(entry.checksum);
}

template <Record R> void put(CopyRows& rows, const LogEntry& entry, const R& record, protocol::ByteView extra) {
    sql::columns_of(record)([&](const auto&... field) {
        put_common(rows, entry, 2 + sizeof...(field) + 1 + (is_share<R> ? 1 : 0));
        rows.integer(entry.channel);
        rows.bigint(entry.time);
        (rows.field(field), ...);
    });
    rows.bytes(extra);
    if constexpr (is_share<R>) entry.fingerprint ? rows.bigint(*entry.fingerprint) : rows.null();
}

std::size_t place_of(const LogEntry& entry) {
    return entry.content ? entry.content->record.index() : refused;
}

// One of several answers that are read side by side.
struct Source {
    Rows& rows;
    Read read;
    Position position = 0; // of its row; behind all others when there is none

    void advance() { position = rows.next() ? rows.integer(0) : std::numeric_limits<Position>::max(); }
    [[nodiscard]] bool has_row() const { return position != std::numeric_limits<Position>::max(); }
};

} // namespace

std::string inserted(std::span<const LogEntry> entries, std::vector<protocol::Bytes>& copies) {
    std::array<std::optional<CopyRows>, kinds + 1> tables;
    for (const LogEntry& entry : entries) {
        auto& rows = tables.at(place_of(entry));
        if (!rows) rows.emplace();
        if (const auto& content = entry.content) {
            std::visit([&](const auto& record) { put(*rows, entry, record, content->extra); }, content->record);
        } else {
            put_common(*rows, entry, 1);
            rows->bytes(entry.bytes);
        }
    }
    std::string sql;
    for (std::size_t place = 0; place < tables.size(); ++place) {
        auto& table = tables.at(place);
        if (!table) continue;
        sql += copy_statements.at(place);
        copies.push_back(std::move(*table).take());
    }
    return sql;
}

std::string removed(std::span<const LogEntry> entries) {
    std::array<std::string, kinds + 1> positions;
    for (const LogEntry& entry : entries)
        if (share_of(entry) == nullptr)
            positions.at(place_of(entry)).append(std::to_string(entry.position)).append(",");
    std::string sql = Arrivals::removed(entries);
    for (std::size_t place = 0; place < positions.size(); ++place) {
        std::string& of = positions.at(place);
        if (of.empty()) continue;
        of.pop_back();
        sql.append(join({"DELETE FROM ", table_names.at(place), " WHERE position IN (", of, "); "}));
    }
    return sql;
}

std::vector<Question> by_position(Position first, Position last, std::size_t limit, const ArrivalRange& range) {
    std::vector<Question> questions;
    const std::vector<std::int64_t> values{bound(first), bound(last), bound(limit)};
    questions.reserve(position_statements.size());
    for (const std::string& statement : position_statements) questions.push_back({statement, values});
    auto& shares = questions[sql::place_of(protocol::RecordKind::share)].values;
    shares.insert(shares.end(), {range.begin, range.end});
    return questions;
}

Result<void> merge(std::span<Rows> answers, std::size_t limit, std::vector<LogEntry>& entries) {
    std::vector<Source> sources;
    sources.reserve(answers.size());
    for (std::size_t place = 0; place < answers.size(); ++place)
        sources.push_back({.rows = answers[place], .read = readers.at(place)});
    for (Source& source : sources) source.advance();
    for (; limit > 0; --limit) {
        Source& next = *std::ranges::min_element(sources, {}, &Source::position);
        if (!next.has_row()) break;
        if (auto done = next.read(next.rows, entries.emplace_back()); !done) return done;
        next.advance();
    }
    return {};
}

std::vector<Question> by_time(const RecordScan& scan) {
    const std::size_t place = sql::place_of(scan.kind);
    if (place == time_statements.size()) return {};
    // Below what comes first: `before`, or the end of the range.
    auto end = std::pair<Milliseconds, Position>{scan.last_time, std::numeric_limits<Position>::max()};
    if (scan.before) end = std::min(end, *scan.before);
    return {{.sql = time_statements.at(place),
             .values = {scan.channel, bound(scan.first_time), bound(end.first), bound(end.second), bound(scan.cut),
                        bound(scan.limit)}}};
}

Result<std::vector<LogEntry>> entries_of(protocol::RecordKind kind, Rows& answer) {
    std::vector<LogEntry> entries;
    const Read read = readers.at(sql::place_of(kind));
    while (answer.next())
        if (const auto done = read(answer, entries.emplace_back()); !done) return std::unexpected(done.error());
    return entries;
}

Question any_in_time(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time, Position cut) {
    return {.sql = any_statement, .values = {channel, bound(first_time), bound(last_time), bound(cut)}};
}

} // namespace storage::postgres
