#include "storage/sqlite/entries.hpp"

#include "storage/sqlite/columns.hpp"
#include "storage/sqlite/schema.hpp"

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <utility>

namespace storage::sqlite {

namespace {

using protocol::AnyRecord;
using protocol::Bytes;
using protocol::ChannelRecord;
using protocol::Record;
using protocol::RecordKind;
using protocol::Verdict;

constexpr std::size_t usual_limit = 32; // of what is asked for
constexpr std::string_view common_columns = "position, stream, sequence, received_at, verdict, checksum";
constexpr std::string_view in_range = " WHERE position BETWEEN ?1 AND ?2 ORDER BY position";
// The index, which has seconds before milliseconds, gives the order and both its ends: rows are read from the newest
// until there are enough.
constexpr std::string_view in_time = " WHERE channel = ?1 AND time / 1000 BETWEEN ?2 / 1000 AND ?3 / 1000 "
                                     "AND time >= ?2 AND (time, position) < (?3, ?4) AND position <= ?5 "
                                     "ORDER BY time / 1000 DESC, time DESC, position DESC LIMIT ?6";
constexpr std::string_view any_in_time = " WHERE channel = ?1 AND time / 1000 BETWEEN ?2 / 1000 AND ?3 / 1000 "
                                         "AND time BETWEEN ?2 AND ?3 AND position <= ?4";

// In the order in which they are written and read.
template <Record R> std::string columns() {
    return join({common_columns, ", channel, time, ", names_of<R>(), ", extra"});
}

std::string insert_into(std::string_view table, const std::string& columns) {
    std::string sql = join({"INSERT INTO ", table, " (", columns, ") VALUES (?"});
    for (auto commas = std::ranges::count(columns, ','); commas > 0; --commas) sql += ", ?";
    return sql += ")";
}

std::string remove_from(std::string_view table) {
    return join({"DELETE FROM ", table, " WHERE position = ?"});
}

// The channel's name comes last. A row whose channel is missing must be seen, as damage: hence the left join.
template <Record R> std::string select(std::string_view where) {
    if constexpr (ChannelRecord<R>)
        return join({"SELECT ", columns<R>(), ", channel_id FROM ", table<R>,
                     " LEFT JOIN channels ON channels.number = channel", where});
    else
        return join({"SELECT ", columns<R>(), " FROM ", table<R>, where});
}

std::string select_any() {
    std::string sql = "SELECT ";
    for (const std::string_view name : for_each_kind([]<Record R> { return table<R>; }))
        sql += join({"EXISTS (SELECT 1 FROM ", name, any_in_time, ") OR "});
    return sql += "0";
}

std::size_t place_of(RecordKind kind) {
    const auto kinds = for_each_kind([]<Record R> { return R::kind; });
    return static_cast<std::size_t>(std::ranges::find(kinds, kind) - kinds.begin());
}

void read_common(Columns& columns, LogEntry& entry) {
    entry.position = columns.integer();
    entry.stream = columns.integer<std::uint32_t>();
    entry.sequence = columns.integer();
    entry.received_at = columns.integer();
    entry.verdict = static_cast<Verdict>(columns.integer<std::uint8_t>());
    entry.checksum = columns.integer();
}

// Into an entry that is where it stays: it is large, and moved only when its vector grows.
template <Record R> Result<void> read_record(const Rows& rows, LogEntry& entry) {
    Columns columns{rows};
    read_common(columns, entry);
    entry.channel = columns.integer<std::uint32_t>();
    entry.time = columns.integer();
    protocol::ReadRecord& content = entry.content.emplace();
    R& record = content.record.emplace<R>();
    columns.fields(record);
    content.extra = columns.bytes();
    content.verdict = entry.verdict == Verdict::above_target ? Verdict::above_target : Verdict::stored;
    if constexpr (ChannelRecord<R>) record.channel_id.text = columns.text();

    auto bytes = protocol::encode_record(record, content.extra);
    if (!bytes || columns.is_damaged())
        return std::unexpected(StorageError{.kind = StorageError::Kind::corrupt,
                                            .detail = join({"the record at position ", std::to_string(entry.position),
                                                            " has fields that no record can have"})});
    entry.bytes = *std::move(bytes);
    return {};
}

Result<void> read_refused(const Rows& rows, LogEntry& entry) {
    Columns columns{rows};
    read_common(columns, entry);
    entry.bytes = columns.bytes();
    return {};
}

using Read = Result<void> (*)(const Rows&, LogEntry&);
const auto read_of_kind = for_each_kind([]<Record R> { return Read{read_record<R>}; });

// One of several tables that are read side by side.
struct Source {
    Rows rows;
    Read read;
    Position position = 0; // of its row; behind all others when there is none

    Result<void> advance() {
        const auto row = rows.next();
        if (!row) return std::unexpected(row.error());
        position = *row ? rows.integer(0) : std::numeric_limits<Position>::max();
        return {};
    }
    [[nodiscard]] bool has_row() const { return position != std::numeric_limits<Position>::max(); }
};

} // namespace

EntryWriter::EntryWriter(Database& database)
    : insert_{for_each_kind([&]<Record R> { return Statement{database, insert_into(table<R>, columns<R>())}; })},
      remove_{for_each_kind([&]<Record R> { return Statement{database, remove_from(table<R>)}; })},
      insert_refused_{database, insert_into("refused_records", join({common_columns, ", bytes"}))},
      remove_refused_{database, remove_from("refused_records")},
      insert_fingerprint_{database, "INSERT INTO fingerprints (fingerprint, position) VALUES (?, ?)"},
      remove_fingerprint_{database, "DELETE FROM fingerprints WHERE fingerprint = ? AND position = ?"} {}

Result<void> EntryWriter::insert(const LogEntry& entry) {
    if (entry.fingerprint)
        if (auto done = insert_fingerprint_.execute(*entry.fingerprint, entry.position); !done) return done;
    const auto& content = entry.content;
    if (!content)
        return insert_refused_.execute(entry.position, entry.stream, entry.sequence, entry.received_at,
                                       std::to_underlying(entry.verdict), entry.checksum, entry.bytes);
    return std::visit(
        [&]<Record R>(const R& record) {
            return std::apply(
                [&](const auto&... field) {
                    return insert_.at(content->record.index())
                        .execute(entry.position, entry.stream, entry.sequence, entry.received_at,
                                 std::to_underlying(entry.verdict), entry.checksum, entry.channel, entry.time,
                                 stored(field)..., content->extra);
                },
                columns_of(record));
        },
        content->record);
}

Result<void> EntryWriter::remove(const LogEntry& entry) {
    if (entry.fingerprint)
        if (auto done = remove_fingerprint_.execute(*entry.fingerprint, entry.position); !done) return done;
    Statement& remove = entry.content ? remove_.at(entry.content->record.index()) : remove_refused_;
    return remove.execute(entry.position);
}

EntryReader::EntryReader(Database& database)
    : by_position_{for_each_kind([&]<Record R> { return Statement{database, select<R>(in_range)}; })},
      by_time_{for_each_kind([&]<Record R> { return Statement{database, select<R>(in_time)}; })},
      refused_{database, join({"SELECT ", common_columns, ", bytes FROM refused_records", in_range})},
      any_{database, select_any()} {}

Result<void> EntryReader::read(Position first, Position last, std::size_t limit, std::vector<LogEntry>& entries) {
    if (first == last && limit > 0) return read_one(first, entries);
    const std::int64_t from = bound(first);
    const std::int64_t to = bound(last);
    std::vector<Source> sources;
    sources.push_back({.rows = refused_.run(from, to), .read = read_refused});
    for (std::size_t kind = 0; kind < by_position_.size(); ++kind)
        sources.push_back({.rows = by_position_.at(kind).run(from, to), .read = read_of_kind.at(kind)});
    for (Source& source : sources)
        if (auto done = source.advance(); !done) return done;
    for (; limit > 0; --limit) {
        Source& next = *std::ranges::min_element(sources, {}, &Source::position);
        if (!next.has_row()) break;
        if (auto done = next.read(next.rows, entries.emplace_back()); !done) return done;
        if (auto done = next.advance(); !done) return done;
    }
    return {};
}

// A position is in one table: when it is found, the others need not be asked. Shares come first, which are most.
Result<void> EntryReader::read_one(Position position, std::vector<LogEntry>& entries) {
    const std::size_t found_before = entries.size();
    const auto read_from = [&](Statement& table, Read read) -> Result<void> {
        Rows rows = table.run(bound(position), bound(position));
        const auto row = rows.next();
        if (!row) return std::unexpected(row.error());
        return *row ? read(rows, entries.emplace_back()) : Result<void>{};
    };
    Result<void> done;
    for (std::size_t kind = 0; done && entries.size() == found_before && kind < by_position_.size(); ++kind)
        done = read_from(by_position_.at(kind), read_of_kind.at(kind));
    if (done && entries.size() == found_before) done = read_from(refused_, read_refused);
    return done;
}

Result<std::vector<LogEntry>> EntryReader::scan(const RecordScan& scan) {
    std::vector<LogEntry> entries;
    const std::size_t kind = place_of(scan.kind);
    if (kind == by_time_.size()) return entries; // reserved: there are none
    entries.reserve(std::min(scan.limit, usual_limit));
    // Below what comes first: `before`, or the end of the range.
    auto end = std::pair<Milliseconds, Position>{scan.last_time, std::numeric_limits<Position>::max()};
    if (scan.before) end = std::min(end, *scan.before);
    Rows rows = by_time_.at(kind).run(scan.channel, bound(scan.first_time), bound(end.first), bound(end.second),
                                      bound(scan.cut), bound(scan.limit));
    for (;;) {
        const auto row = rows.next();
        if (!row) return std::unexpected(row.error());
        if (!*row) return entries;
        if (auto done = read_of_kind.at(kind)(rows, entries.emplace_back()); !done)
            return std::unexpected(done.error());
    }
}

Result<bool> EntryReader::has_any(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time,
                                  Position cut) {
    Rows rows = any_.run(channel, bound(first_time), bound(last_time), bound(cut));
    if (const auto row = rows.next(); !row) return std::unexpected(row.error());
    return rows.integer(0) != 0;
}

} // namespace storage::sqlite
