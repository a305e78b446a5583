#include "storage/sqlite/entries.hpp"

#include "protocol/records.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace storage::sqlite {

namespace {

using protocol::Bytes;
using protocol::ByteView;
using protocol::U256;

// A table of records and its columns, in the order in which they are written and read.
struct Table {
    std::string_view name;
    std::string_view columns;
};
constexpr Table shares{.name = "shares",
                       .columns = "position, stream, sequence, received_at, verdict, checksum, channel, time, "
                                  "sequence_number, share_hash, target, share_work, difficulty, timestamp, accepted, "
                                  "outcome, outcome_data, user_identity, label, extra"};
constexpr Table blocks{.name = "blocks",
                       .columns = "position, stream, sequence, received_at, verdict, checksum, channel, time, "
                                  "share_hash, template_id, coinbase, difficulty, timestamp, label, extra"};
constexpr Table acknowledgments{
    .name = "acknowledgments",
    .columns = "position, stream, sequence, received_at, verdict, checksum, channel, time, "
               "last_sequence_number, new_submits_accepted_count, new_shares_sum, timestamp, label, "
               "extra"};
constexpr Table refused{.name = "refused_records",
                        .columns = "position, stream, sequence, received_at, verdict, checksum, bytes"};

std::string insert_into(const Table& table) {
    std::string sql = "INSERT INTO ";
    sql += table.name;
    sql += " (";
    sql += table.columns;
    sql += ") VALUES (?";
    for (auto commas = std::ranges::count(table.columns, ','); commas > 0; --commas) sql += ", ?";
    return sql += ")";
}

constexpr std::string_view in_range = " WHERE position BETWEEN ?1 AND ?2 ORDER BY position";

std::string select(const Table& table, std::string_view where) {
    std::string sql = "SELECT ";
    sql += table.columns;
    sql += " FROM ";
    sql += table.name;
    sql += where;
    return sql;
}

// The channel's name comes last. A row whose channel is missing must be seen, as damage: hence the left join.
std::string select_with_channel(const Table& table, std::string_view where) {
    std::string sql = "SELECT ";
    sql += table.columns;
    sql += ", channel_id FROM ";
    sql += table.name;
    sql += " LEFT JOIN channels ON channels.number = channel";
    sql += where;
    return sql;
}

std::optional<ByteView> unless_empty(const Bytes& bytes) {
    if (bytes.empty()) return std::nullopt;
    return bytes;
}

std::optional<ByteView> unless_zero(const U256& number) {
    if (number == U256{}) return std::nullopt;
    return number.bytes;
}

// The columns of a row, one after the other.
class Columns {
  public:
    explicit Columns(const Rows& rows) : rows_{rows} {}

    template <std::unsigned_integral Integer = std::uint64_t> Integer integer() {
        return static_cast<Integer>(rows_.integer(next_++));
    }
    std::uint64_t real() { return std::bit_cast<std::uint64_t>(rows_.real(next_++)); }
    protocol::Str0_255 text() { return {std::string{rows_.text(next_++)}}; }
    Bytes bytes() {
        const ByteView view = rows_.bytes(next_++);
        return {view.begin(), view.end()};
    }
    // Zero for NULL.
    U256 number() {
        const ByteView view = rows_.bytes(next_++);
        U256 number;
        if (view.size() == number.bytes.size())
            std::ranges::copy(view, number.bytes.begin());
        else if (!view.empty())
            is_damaged_ = true;
        return number;
    }
    protocol::Option<std::uint64_t> optional_integer() {
        if (!rows_.is_null(next_)) return integer();
        ++next_;
        return std::nullopt;
    }

    [[nodiscard]] bool is_damaged() const { return is_damaged_; }

  private:
    const Rows& rows_;
    int next_ = 0;
    bool is_damaged_ = false;
};

LogEntry read_common(Columns& columns) {
    LogEntry entry;
    entry.position = columns.integer();
    entry.stream = columns.integer<std::uint32_t>();
    entry.sequence = columns.integer();
    entry.received_at = columns.integer();
    entry.verdict = static_cast<protocol::Verdict>(columns.integer<std::uint8_t>());
    entry.checksum = columns.integer();
    return entry;
}

void read_fields(Columns& columns, protocol::Share& share) {
    share.sequence_number = columns.integer<std::uint32_t>();
    share.share_hash = columns.number();
    share.target = columns.number();
    share.share_work = columns.integer();
    share.difficulty = columns.real();
    share.timestamp = columns.integer();
    share.accepted = columns.integer<std::uint8_t>();
    share.outcome = columns.integer<std::uint8_t>();
    share.outcome_data.bytes = columns.bytes();
    share.user_identity = columns.text();
    share.label = columns.text();
}

void read_fields(Columns& columns, protocol::Block& block) {
    block.share_hash = columns.number();
    block.template_id = columns.optional_integer();
    block.coinbase.bytes = columns.bytes();
    block.difficulty = columns.real();
    block.timestamp = columns.integer();
    block.label = columns.text();
}

void read_fields(Columns& columns, protocol::BatchAcknowledgment& batch) {
    batch.last_sequence_number = columns.integer<std::uint32_t>();
    batch.new_submits_accepted_count = columns.integer<std::uint32_t>();
    batch.new_shares_sum = columns.integer();
    batch.timestamp = columns.integer();
    batch.label = columns.text();
}

template <protocol::Record R> Result<LogEntry> read_record(const Rows& rows) {
    Columns columns{rows};
    LogEntry entry = read_common(columns);
    entry.channel = columns.integer<std::uint32_t>();
    entry.time = columns.integer();
    R record;
    read_fields(columns, record);
    Bytes extra = columns.bytes();
    record.channel_id = columns.text();

    auto bytes = protocol::encode_record(record, extra);
    if (!bytes || columns.is_damaged()) {
        std::string detail = "the record at position ";
        detail += std::to_string(entry.position);
        detail += " has fields that no record can have";
        return std::unexpected(StorageError{.kind = StorageError::Kind::corrupt, .detail = std::move(detail)});
    }
    entry.bytes = *std::move(bytes);
    using protocol::Verdict;
    const Verdict own = entry.verdict == Verdict::above_target ? Verdict::above_target : Verdict::stored;
    entry.content = protocol::ReadRecord{.record = std::move(record), .extra = std::move(extra), .verdict = own};
    return entry;
}

Result<LogEntry> read_refused(const Rows& rows) {
    Columns columns{rows};
    LogEntry entry = read_common(columns);
    entry.bytes = columns.bytes();
    return entry;
}

// One of several tables that are read side by side.
struct Source {
    Rows rows;
    Result<LogEntry> (*read)(const Rows&);
    bool has_row = false;

    Result<void> advance() {
        const auto row = rows.next();
        if (!row) return std::unexpected(row.error());
        has_row = *row;
        return {};
    }
    [[nodiscard]] Position position() const { return has_row ? rows.integer(0) : std::numeric_limits<Position>::max(); }
};

} // namespace

EntryWriter::EntryWriter(Database& database)
    : share_{database, insert_into(shares)},
      block_{database, insert_into(blocks)},
      acknowledgment_{database, insert_into(acknowledgments)},
      refused_{database, insert_into(refused)},
      fingerprint_{database, "INSERT INTO fingerprints (fingerprint, position) VALUES (?, ?)"} {}

Result<void> EntryWriter::insert(const LogEntry& entry) {
    if (entry.fingerprint)
        if (auto done = fingerprint_.execute(*entry.fingerprint, entry.position); !done) return done;
    if (const auto& content = entry.content)
        return std::visit([&](const auto& record) { return insert(entry, record, content->extra); }, content->record);
    return refused_.execute(entry.position, entry.stream, entry.sequence, entry.received_at,
                            std::to_underlying(entry.verdict), entry.checksum, entry.bytes);
}

Result<void> EntryWriter::insert(const LogEntry& entry, const protocol::Share& share, const Bytes& extra) {
    return share_.execute(entry.position, entry.stream, entry.sequence, entry.received_at,
                          std::to_underlying(entry.verdict), entry.checksum, entry.channel, entry.time,
                          share.sequence_number, share.share_hash.bytes, unless_zero(share.target), share.share_work,
                          std::bit_cast<double>(share.difficulty), share.timestamp, share.accepted, share.outcome,
                          unless_empty(share.outcome_data.bytes), share.user_identity.text, share.label.text,
                          unless_empty(extra));
}

Result<void> EntryWriter::insert(const LogEntry& entry, const protocol::Block& block, const Bytes& extra) {
    return block_.execute(entry.position, entry.stream, entry.sequence, entry.received_at,
                          std::to_underlying(entry.verdict), entry.checksum, entry.channel, entry.time,
                          block.share_hash.bytes, block.template_id, unless_empty(block.coinbase.bytes),
                          std::bit_cast<double>(block.difficulty), block.timestamp, block.label.text,
                          unless_empty(extra));
}

Result<void> EntryWriter::insert(const LogEntry& entry, const protocol::BatchAcknowledgment& batch,
                                 const Bytes& extra) {
    return acknowledgment_.execute(entry.position, entry.stream, entry.sequence, entry.received_at,
                                   std::to_underlying(entry.verdict), entry.checksum, entry.channel, entry.time,
                                   batch.last_sequence_number, batch.new_submits_accepted_count, batch.new_shares_sum,
                                   batch.timestamp, batch.label.text, unless_empty(extra));
}

// In scan_, the index gives the order, and both its ends: rows are read from the newest until there are enough.
EntryReader::EntryReader(Database& database)
    : shares_{database, select_with_channel(shares, in_range)},
      blocks_{database, select_with_channel(blocks, in_range)},
      acknowledgments_{database, select_with_channel(acknowledgments, in_range)},
      refused_{database, select(refused, in_range)},
      scan_{database, select_with_channel(shares, " WHERE channel = ?1 AND time >= ?2 AND (time, position) < (?3, ?4) "
                                                  "AND position <= ?5 ORDER BY time DESC, position DESC LIMIT ?6")} {}

Result<void> EntryReader::read(Position first, Position last, std::size_t limit, std::vector<LogEntry>& entries) {
    const std::int64_t from = bound(first);
    const std::int64_t to = bound(last);
    std::array sources{
        Source{.rows = shares_.run(from, to), .read = read_record<protocol::Share>},
        Source{.rows = blocks_.run(from, to), .read = read_record<protocol::Block>},
        Source{.rows = acknowledgments_.run(from, to), .read = read_record<protocol::BatchAcknowledgment>},
        Source{.rows = refused_.run(from, to), .read = read_refused}};
    for (Source& source : sources)
        if (auto done = source.advance(); !done) return done;
    for (; limit > 0; --limit) {
        Source& next = *std::ranges::min_element(sources, {}, &Source::position);
        if (!next.has_row) break;
        auto entry = next.read(next.rows);
        if (!entry) return std::unexpected(entry.error());
        entries.push_back(*std::move(entry));
        if (auto done = next.advance(); !done) return done;
    }
    return {};
}

Result<std::vector<LogEntry>> EntryReader::scan(const ShareScan& scan) {
    std::vector<LogEntry> entries;
    // Below what comes first: `before`, or the end of the range.
    auto end = std::pair<Milliseconds, Position>{scan.last_time, std::numeric_limits<Position>::max()};
    if (scan.before) end = std::min(end, *scan.before);
    Rows rows = scan_.run(scan.channel, bound(scan.first_time), bound(end.first), bound(end.second), bound(scan.cut),
                          bound(scan.limit));
    for (;;) {
        const auto row = rows.next();
        if (!row) return std::unexpected(row.error());
        if (!*row) return entries;
        auto entry = read_record<protocol::Share>(rows);
        if (!entry) return std::unexpected(entry.error());
        entries.push_back(*std::move(entry));
    }
}

} // namespace storage::sqlite
