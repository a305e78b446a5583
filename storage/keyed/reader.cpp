#include "storage/keyed/reader.hpp"

#include "storage/integrity.hpp"
#include "storage/keyed/values.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <variant>

namespace storage::keyed {

namespace {

using protocol::Bytes;
using protocol::ByteView;

constexpr std::size_t time_offset = 5; // in a key of Table::times, behind the channel and the kind
constexpr std::size_t position_offset = 13;

std::unexpected<StorageError> missing(std::string_view what) {
    std::string detail{"the store has no "};
    return std::unexpected(StorageError{.kind = StorageError::Kind::corrupt, .detail = detail.append(what)});
}

std::vector<protocol::RecordKind> all_kinds() {
    return []<class... R>(std::type_identity<std::variant<R...>>) {
        return std::vector{R::kind...};
    }(std::type_identity<protocol::AnyRecord>{});
}

Bytes copy(ByteView bytes) {
    return {bytes.begin(), bytes.end()};
}

} // namespace

Result<void> Reader::go_on() const {
    if (interruptions_ == before_) return {};
    return std::unexpected(StorageError{.kind = StorageError::Kind::unavailable, .detail = "interrupted"});
}

template <class Use> Result<void> Reader::for_each(Table table, ByteView first, ByteView prefix, Use use) {
    const auto cursor = snapshot_.cursor(table);
    if (!cursor) return std::unexpected(cursor.error());
    Cursor& at = **cursor;
    auto is_there = at.seek(first);
    while (is_there && *is_there && is_within(at.key(), prefix)) {
        if (const auto fine = go_on(); !fine) return fine;
        const Result<bool> goes_on = use(at);
        if (!goes_on) return std::unexpected(goes_on.error());
        if (!*goes_on) return {};
        is_there = at.next();
    }
    if (!is_there) return std::unexpected(is_there.error());
    return {};
}

template <class Row, class Read> Result<std::vector<Row>> Reader::all(RowKind kind, Read read) {
    std::vector<Row> rows;
    const Key prefix = row_key(kind);
    const auto done = for_each(Table::rows, prefix, prefix, [&](const Cursor& at) -> Result<bool> {
        auto row = read(at.key(), at.value());
        if (!row) return std::unexpected(row.error());
        rows.push_back(*std::move(row));
        return true;
    });
    if (!done) return std::unexpected(done.error());
    return rows;
}

Result<Contents> Reader::contents() {
    Contents contents;
    auto stores = all<StoreRow>(RowKind::store, [](ByteView, ByteView value) { return store_row(value); });
    if (!stores) return std::unexpected(stores.error());
    if (stores->size() != 1) return missing("data set");
    contents.data_set = stores->front().data_set;
    contents.fingerprint_key = stores->front().fingerprint_key;
    auto heads = all<Head>(RowKind::head, [](ByteView, ByteView value) { return head(value); });
    if (!heads) return std::unexpected(heads.error());
    if (heads->size() != 1) return missing("head of the log");
    contents.head = heads->front();

    const auto take = [](auto& to, auto from) -> Result<void> {
        if (!from) return std::unexpected(from.error());
        to = *std::move(from);
        return {};
    };
    auto done = take(contents.streams, all<StreamRow>(RowKind::stream, stream_row));
    if (done) done = take(contents.channels, all<ChannelRow>(RowKind::channel, channel_row));
    if (done) done = take(contents.users, all<UserRow>(RowKind::user, user_row));
    if (done) done = take(contents.runs, all<Run>(RowKind::run, run));
    if (done)
        done = take(contents.derived,
                    all<KeyValue>(RowKind::derived, [](ByteView key, ByteView value) -> Result<KeyValue> {
                        return KeyValue{.key = copy(key.subspan(1)), .value = copy(value)};
                    }));
    if (!done) return std::unexpected(done.error());
    return contents;
}

Result<void> Reader::append(Position first, Position last, std::size_t limit, std::vector<LogEntry>& to) {
    if (first > last || limit == 0) return {};
    return for_each(Table::log, log_key(first), {}, [&](const Cursor& at) -> Result<bool> {
        if (number_in<Position>(at.key(), 0) > last) return false;
        auto entry = log_entry(at.key(), at.value());
        if (!entry) return std::unexpected(entry.error());
        to.push_back(*std::move(entry));
        return to.back().position < last && --limit > 0;
    });
}

Result<std::vector<LogEntry>> Reader::read(Position first, Position last, std::size_t limit) {
    std::vector<LogEntry> entries;
    if (const auto done = append(first, last, limit, entries); !done) return std::unexpected(done.error());
    return entries;
}

Result<std::vector<LogEntry>> Reader::read_stream(std::uint32_t stream, std::uint64_t first, std::uint64_t last) {
    std::vector<LogEntry> entries;
    if (first > last) return entries;
    // From the stretch that holds `first`, or the next.
    const Key prefix = row_key(RowKind::stretch, stream);
    const auto cursor = snapshot_.cursor(Table::rows);
    if (!cursor) return std::unexpected(cursor.error());
    const auto before = (*cursor)->seek_back(row_key(RowKind::stretch, stream, first));
    if (!before) return std::unexpected(before.error());
    const Bytes start = *before && is_within((*cursor)->key(), prefix) ? copy((*cursor)->key())
                                                                       : copy(row_key(RowKind::stretch, stream, first));
    const auto done = for_each(Table::rows, start, prefix, [&](const Cursor& at) -> Result<bool> {
        const auto found = stretch(at.key(), at.value());
        if (!found) return std::unexpected(found.error());
        if (found->first_sequence > last) return false;
        const std::uint64_t from = std::max(first, found->first_sequence);
        const std::uint64_t to = std::min(last, found->first_sequence + found->count - 1);
        if (from > to) return true; // the stretch before `first` may end before it
        const Position position = found->first_position + (from - found->first_sequence);
        if (const auto read = append(position, position + (to - from), to - from + 1, entries); !read)
            return std::unexpected(read.error());
        return true;
    });
    if (!done) return std::unexpected(done.error());
    return entries;
}

// Backwards from the newest.
Result<std::vector<Position>> Reader::positions_in_time(const RecordScan& scan) {
    std::vector<Position> positions;
    std::pair last{scan.last_time, scan.cut};
    if (scan.before && *scan.before <= last) {
        last = *scan.before;
        if (last == std::pair<Milliseconds, Position>{}) return positions;
        if (last.second > 0)
            --last.second;
        else
            last = {last.first - 1, last_number};
    }
    const Key prefix{scan.channel, static_cast<std::uint8_t>(scan.kind)};
    const auto cursor = snapshot_.cursor(Table::times);
    if (!cursor) return std::unexpected(cursor.error());
    Cursor& at = **cursor;
    auto is_there = at.seek_back(time_key(scan.channel, scan.kind, last.first, last.second));
    while (is_there && *is_there && is_within(at.key(), prefix) && positions.size() < scan.limit) {
        if (const auto fine = go_on(); !fine) return std::unexpected(fine.error());
        if (number_in<Milliseconds>(at.key(), time_offset) < scan.first_time) break;
        const auto position = number_in<Position>(at.key(), position_offset);
        if (position <= scan.cut) positions.push_back(position);
        is_there = at.previous();
    }
    if (!is_there) return std::unexpected(is_there.error());
    return positions;
}

Result<std::vector<LogEntry>> Reader::scan(const RecordScan& scan) {
    std::vector<LogEntry> entries;
    if (scan.first_time > scan.last_time) return entries;
    const auto positions = positions_in_time(scan);
    if (!positions) return std::unexpected(positions.error());
    for (const Position position : *positions) {
        const std::size_t before = entries.size();
        if (const auto done = append(position, position, 1, entries); !done) return std::unexpected(done.error());
        if (entries.size() == before)
            return std::unexpected(corrupt_at(position, "it is missing, but its channel has it"));
    }
    return entries;
}

Result<std::vector<HourRow>> Reader::hours(const HourScan& scan) {
    std::vector<HourRow> rows;
    const auto subject = static_cast<std::uint8_t>(scan.subject);
    const Key prefix = row_key(RowKind::hours, subject, scan.number);
    const Key first = row_key(RowKind::hours, subject, scan.number, scan.first_hour, Position{0});
    const auto done = for_each(Table::rows, first, prefix, [&](const Cursor& at) -> Result<bool> {
        auto row = hour_row(at.key(), at.value());
        if (!row) return std::unexpected(row.error());
        if (row->hour > scan.last_hour) return false;
        if (row->run >= scan.first_run && row->run <= scan.last_run) rows.push_back(*std::move(row));
        return true;
    });
    if (!done) return std::unexpected(done.error());
    return rows;
}

Result<bool> Reader::has_entries(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time, Position cut) {
    bool is_found = false;
    for (const protocol::RecordKind kind : all_kinds()) {
        const Key prefix{channel, static_cast<std::uint8_t>(kind)};
        const auto done = for_each(Table::times, time_key(channel, kind, first_time, 0), prefix,
                                   [&](const Cursor& at) -> Result<bool> {
                                       if (number_in<Milliseconds>(at.key(), time_offset) > last_time) return false;
                                       is_found = number_in<Position>(at.key(), position_offset) <= cut;
                                       return !is_found;
                                   });
        if (!done) return std::unexpected(done.error());
        if (is_found) break;
    }
    return is_found;
}

Result<std::vector<Position>> Reader::find(std::uint64_t fingerprint, Position cut) {
    std::vector<Position> positions;
    const auto done = for_each(Table::fingerprints, fingerprint_key(fingerprint, 0), Key{fingerprint},
                               [&](const Cursor& at) -> Result<bool> {
                                   const auto position = number_in<Position>(at.key(), sizeof fingerprint);
                                   if (position <= cut) positions.push_back(position);
                                   return true;
                               });
    if (!done) return std::unexpected(done.error());
    return positions;
}

Result<std::vector<Bytes>> Reader::row_keys(ByteView prefix) {
    std::vector<Bytes> keys;
    const auto done = for_each(Table::rows, prefix, prefix, [&](const Cursor& at) -> Result<bool> {
        keys.push_back(copy(at.key()));
        return true;
    });
    if (!done) return std::unexpected(done.error());
    return keys;
}

Result<std::vector<Bytes>> Reader::stretches_up_to(std::uint32_t stream, std::uint64_t last) {
    std::vector<Bytes> keys;
    const Key prefix = row_key(RowKind::stretch, stream);
    const auto done = for_each(Table::rows, prefix, prefix, [&](const Cursor& at) -> Result<bool> {
        const auto found = stretch(at.key(), at.value());
        if (!found) return std::unexpected(found.error());
        if (found->first_sequence > last) return false;
        if (found->first_sequence + found->count - 1 <= last) keys.push_back(copy(at.key()));
        return true;
    });
    if (!done) return std::unexpected(done.error());
    return keys;
}

} // namespace storage::keyed
