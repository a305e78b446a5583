#include "storage/keyed/keyed_engine.hpp"

#include "storage/integrity.hpp"
#include "storage/keyed/keys.hpp"
#include "storage/keyed/reader.hpp"
#include "storage/keyed/values.hpp"

#include <sodium.h>
#include <utility>

namespace storage::keyed {

namespace {

using protocol::Bytes;
using protocol::Writer;
using Kind = StorageError::Kind;

template <class Row> auto filling(const Row& row) {
    return [&row](Writer& out) { put(out, row); };
}

void nothing(Writer& /*out*/) {}

Batch::Expected expectation(const Head& head) {
    const Key key = row_key(RowKind::head);
    const protocol::ByteView view = key;
    Writer value;
    put(value, head);
    return {.key = {view.begin(), view.end()}, .value = std::move(value).take(), .term = sizeof head.term};
}

} // namespace

Result<Batch> first_batch() {
    StoreRow row;
    row.version = schema_version;
    row.data_set.generation = 1;
    if (::sodium_init() < 0)
        return std::unexpected(StorageError{.kind = Kind::unusable, .detail = "no source of randomness"});
    while (row.data_set.id == 0) // 0 is for clients that remember none
        ::randombytes_buf(&row.data_set.id, sizeof row.data_set.id);
    ::randombytes_buf(row.fingerprint_key.data(), row.fingerprint_key.size());
    Batch batch;
    batch.put(Table::rows, row_key(RowKind::store), filling(row));
    const Head head;
    batch.put(Table::rows, row_key(RowKind::head), filling(head));
    return batch;
}

template <class Ask> auto KeyedEngine::ask(Ask ask) const {
    using Answer = decltype(ask(std::declval<Reader&>()));
    const auto snapshot = values_->snapshot();
    if (!snapshot) return Answer{std::unexpected(snapshot.error())};
    Reader reader{**snapshot, interruptions_};
    return ask(reader);
}

Result<Contents> KeyedEngine::load() {
    return ask([](Reader& reader) { return reader.contents(); });
}

Result<void> KeyedEngine::write(const Transaction& transaction) {
    if (latched_) return std::unexpected(*latched_);
    const std::uint64_t before = interruptions_;
    auto done = gather(transaction);
    if (done && interruptions_ != before)
        done = std::unexpected(StorageError{.kind = Kind::unavailable, .detail = "interrupted"});
    if (done) done = values_->commit(batch_);
    if (!done && !done.error().may_recover()) latched_ = done.error();
    if (done)
        for (const StreamRow& row : transaction.streams) swept_[row.number] = row.removed_sequence;
    return done;
}

Result<void> KeyedEngine::gather(const Transaction& transaction) {
    batch_.clear();
    batch_.expect(expectation(transaction.expected));
    add(transaction.entries);
    add_stretches(transaction.entries);
    for (const LogEntry& entry : transaction.removed) remove(entry);
    for (const StreamRow& row : transaction.streams)
        if (auto done = add(row); !done) return done;
    for (const ChannelRow& row : transaction.channels)
        batch_.put(Table::rows, row_key(RowKind::channel, row.number), filling(row));
    for (const UserRow& row : transaction.users)
        batch_.put(Table::rows, row_key(RowKind::user, row.number), filling(row));
    for (const KeyValue& pair : transaction.derived)
        batch_.put(Table::rows, derived_key(pair.key), [&](Writer& out) { out.put(pair.value); });
    if (auto done = change_runs(transaction); !done) return done;
    batch_.put(Table::rows, row_key(RowKind::head), filling(transaction.head));
    batch_.sort();
    return {};
}

Result<void> KeyedEngine::add(const StreamRow& row) {
    batch_.put(Table::rows, row_key(RowKind::stream, row.number), filling(row));
    if (row.removed_sequence == 0 || swept_[row.number] == row.removed_sequence) return {};
    const auto keys = ask([&](Reader& reader) { return reader.stretches_up_to(row.number, row.removed_sequence); });
    if (!keys) return std::unexpected(keys.error());
    for (const Bytes& key : *keys) batch_.remove(Table::rows, key);
    return {};
}

void KeyedEngine::add(const std::vector<LogEntry>& entries) {
    for (const LogEntry& entry : entries) {
        batch_.put(Table::log, log_key(entry.position), filling(entry));
        if (entry.content)
            batch_.put(Table::times,
                       time_key(entry.channel, kind_of(entry.content->record), entry.time, entry.position), nothing);
        if (entry.fingerprint)
            batch_.put(Table::fingerprints, fingerprint_key(*entry.fingerprint, entry.position), nothing);
    }
}

void KeyedEngine::add_stretches(const std::vector<LogEntry>& entries) {
    for (const Stretch& stretch : stretches_of(entries))
        batch_.put(Table::rows, row_key(RowKind::stretch, stretch.stream, stretch.first_sequence), filling(stretch));
}

void KeyedEngine::remove(const LogEntry& entry) {
    batch_.remove(Table::log, log_key(entry.position));
    if (entry.content)
        batch_.remove(Table::times,
                      time_key(entry.channel, kind_of(entry.content->record), entry.time, entry.position));
    if (entry.fingerprint) batch_.remove(Table::fingerprints, fingerprint_key(*entry.fingerprint, entry.position));
}

Result<void> KeyedEngine::change_runs(const Transaction& transaction) {
    if (transaction.replaced_run) {
        const Position replaced = *transaction.replaced_run;
        const auto keys =
            ask([&](Reader& reader) { return reader.row_keys(row_key(RowKind::hours_of_run, replaced)); });
        if (!keys) return std::unexpected(keys.error());
        for (const Bytes& key : *keys) {
            batch_.remove(Table::rows, key);
            batch_.remove(Table::rows,
                          row_key(RowKind::hours, number_in<std::uint8_t>(key, 9), number_in<std::uint32_t>(key, 10),
                                  number_in<std::uint32_t>(key, 14), replaced));
        }
        batch_.remove(Table::rows, row_key(RowKind::run, replaced));
    }
    for (const Run& run : transaction.runs) batch_.put(Table::rows, row_key(RowKind::run, run.last), filling(run));
    for (const HourRow& row : transaction.hours) {
        const auto subject = static_cast<std::uint8_t>(row.subject);
        batch_.put(Table::rows, row_key(RowKind::hours, subject, row.number, row.hour, row.run), filling(row));
        batch_.put(Table::rows, row_key(RowKind::hours_of_run, row.run, subject, row.number, row.hour), nothing);
    }
    return {};
}

Result<std::vector<LogEntry>> KeyedEngine::read(Position first, Position last, std::size_t limit) const {
    return ask([&](Reader& reader) { return reader.read(first, last, limit); });
}

Result<std::vector<LogEntry>> KeyedEngine::read_stream(std::uint32_t stream, std::uint64_t first,
                                                       std::uint64_t last) const {
    return ask([&](Reader& reader) { return reader.read_stream(stream, first, last); });
}

Result<std::vector<LogEntry>> KeyedEngine::scan(const RecordScan& scan) const {
    return ask([&](Reader& reader) { return reader.scan(scan); });
}

Result<std::vector<HourRow>> KeyedEngine::hours(const HourScan& scan) const {
    return ask([&](Reader& reader) { return reader.hours(scan); });
}

Result<bool> KeyedEngine::has_entries(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time,
                                      Position cut) const {
    return ask([&](Reader& reader) { return reader.has_entries(channel, first_time, last_time, cut); });
}

Result<std::vector<Position>> KeyedEngine::find(std::uint64_t fingerprint, Position cut) const {
    return ask([&](Reader& reader) { return reader.find(fingerprint, cut); });
}

} // namespace storage::keyed
