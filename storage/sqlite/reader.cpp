#include "storage/sqlite/reader.hpp"

#include "storage/sqlite/columns.hpp"
#include "storage/stretches.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

namespace storage::sqlite {

namespace {

using Kind = StorageError::Kind;

constexpr std::size_t max_readers = 4;

std::unexpected<StorageError> missing(const char* what) {
    return std::unexpected(StorageError{.kind = Kind::corrupt, .detail = std::string{"the store has no "} + what});
}

} // namespace

Result<std::unique_ptr<Reader>> Reader::open(const std::filesystem::path& file) {
    auto database = Database::open(file, Use::read);
    // A limit or a person's mistake, perhaps: the store has been opened before.
    if (!database) return std::unexpected(StorageError{.kind = Kind::unavailable, .detail = database.error().detail});
    return std::unique_ptr<Reader>{new Reader{*std::move(database)}};
}

Reader::Reader(std::unique_ptr<Database> database)
    : database_{std::move(database)},
      begin_{*database_, "BEGIN"},
      rollback_{*database_, "ROLLBACK"},
      data_set_{*database_, "SELECT id, generation, fingerprint_key FROM data_set"},
      head_{*database_, "SELECT term, position, chain, removed, removed_chain FROM head"},
      streams_{*database_, "SELECT number, identity, stream_id, pool, epoch, durable_sequence, removed_sequence "
                           "FROM streams ORDER BY number"},
      channels_{*database_, "SELECT number, pool, channel_id FROM channels ORDER BY number"},
      users_{*database_, "SELECT number, pool, user_identity FROM users ORDER BY number"},
      derived_{*database_, "SELECT key, value FROM derived ORDER BY key"},
      // From the stretch that holds ?2, or the first one after it.
      stretches_{*database_,
                 "SELECT first_sequence, first_position, count FROM stretches WHERE stream = ?1 AND "
                 "first_sequence >= coalesce((SELECT max(first_sequence) FROM stretches WHERE stream = ?1 AND "
                 "first_sequence <= ?2), ?2) AND first_sequence <= ?3 ORDER BY first_sequence"},
      fingerprints_{*database_, "SELECT position FROM fingerprints WHERE fingerprint = ?1 AND position <= ?2 "
                                "ORDER BY position"},
      entries_{*database_},
      runs_{*database_} {}

Result<Contents> Reader::contents() {
    return in_transaction([&] { return read_contents(); });
}

Result<Contents> Reader::read_contents() {
    Contents contents;
    auto done = read_data_set(contents);
    if (done) done = read_head(contents);
    if (done) done = read_names(contents);
    if (!done) return std::unexpected(done.error());
    auto runs = runs_.all();
    if (!runs) return std::unexpected(runs.error());
    contents.runs = *std::move(runs);
    return contents;
}

Result<void> Reader::read_data_set(Contents& contents) {
    bool is_whole = false;
    auto done = for_each_row(data_set_.run(), [&](const Rows& row) {
        Columns columns{row};
        contents.data_set.id = columns.integer();
        contents.data_set.generation = columns.integer<std::uint32_t>();
        columns.bytes(contents.fingerprint_key);
        is_whole = !columns.is_damaged();
    });
    if (done && !is_whole) return missing("whole data_set");
    return done;
}

Result<void> Reader::read_head(Contents& contents) {
    Head& head = contents.head;
    bool is_whole = false;
    auto done = for_each_row(head_.run(), [&](const Rows& row) {
        Columns columns{row};
        head.term = columns.integer();
        head.position = columns.integer();
        columns.bytes(head.chain);
        head.removed = columns.integer();
        columns.bytes(head.removed_chain);
        is_whole = !columns.is_damaged();
    });
    if (done && !is_whole) return missing("whole head");
    return done;
}

Result<void> Reader::read_names(Contents& contents) {
    auto done = for_each_row(streams_.run(), [&](const Rows& row) {
        Columns columns{row};
        StreamRow& stream = contents.streams.emplace_back();
        stream.number = columns.integer<std::uint32_t>();
        stream.name.identity = columns.text();
        stream.name.stream_id = columns.integer();
        stream.pool = columns.text();
        stream.epoch = columns.integer();
        stream.durable_sequence = columns.integer();
        stream.removed_sequence = columns.integer();
    });
    if (done)
        done = for_each_row(channels_.run(), [&](const Rows& row) {
            Columns columns{row};
            ChannelRow& channel = contents.channels.emplace_back();
            channel.number = columns.integer<std::uint32_t>();
            channel.pool = columns.text();
            channel.channel_id = columns.text();
        });
    if (done)
        done = for_each_row(users_.run(), [&](const Rows& row) {
            Columns columns{row};
            UserRow& user = contents.users.emplace_back();
            user.number = columns.integer<std::uint32_t>();
            user.pool = columns.text();
            user.user_identity = columns.text();
        });
    if (done)
        done = for_each_row(derived_.run(), [&](const Rows& row) {
            Columns columns{row};
            KeyValue& pair = contents.derived.emplace_back();
            pair.key = columns.bytes();
            pair.value = columns.bytes();
        });
    return done;
}

Result<std::vector<LogEntry>> Reader::read(Position first, Position last, std::size_t limit) {
    return in_transaction([&]() -> Result<std::vector<LogEntry>> {
        std::vector<LogEntry> entries;
        if (auto done = entries_.read(first, last, limit, entries); !done) return std::unexpected(done.error());
        return entries;
    });
}

Result<std::vector<LogEntry>> Reader::read_stream(std::uint32_t stream, std::uint64_t first, std::uint64_t last) {
    return in_transaction([&] { return read_stretches(stream, first, last); });
}

Result<std::vector<LogEntry>> Reader::read_stretches(std::uint32_t stream, std::uint64_t first, std::uint64_t last) {
    std::vector<Stretch> stretches;
    auto done = for_each_row(stretches_.run(stream, bound(first), bound(last)), [&](const Rows& row) {
        stretches.push_back({.stream = stream,
                             .first_sequence = row.integer(0),
                             .first_position = row.integer(1),
                             .count = row.integer(2)});
    });
    if (!done) return std::unexpected(done.error());
    std::vector<LogEntry> entries;
    for (const Stretch& stretch : stretches) {
        const std::uint64_t from = std::max(first, stretch.first_sequence);
        const std::uint64_t to = std::min(last, stretch.first_sequence + stretch.count - 1);
        if (from > to) continue; // the stretch before `first` may end before it
        const Position start = stretch.first_position + (from - stretch.first_sequence);
        done = entries_.read(start, start + (to - from), to - from + 1, entries);
        if (!done) return std::unexpected(done.error());
    }
    return entries;
}

Result<std::vector<Position>> Reader::find(std::uint64_t fingerprint, Position cut) {
    std::vector<Position> positions;
    auto done = for_each_row(fingerprints_.run(fingerprint, bound(cut)),
                             [&](const Rows& row) { positions.push_back(row.integer(0)); });
    if (!done) return std::unexpected(done.error());
    return positions;
}

void Readers::interrupt() {
    const std::scoped_lock lock{mutex_};
    for (const auto& reader : all_) reader->interrupt();
}

void Readers::close() {
    const std::scoped_lock lock{mutex_};
    idle_.clear();
    all_.clear();
}

Result<Reader*> Readers::take() {
    std::unique_lock lock{mutex_};
    if (idle_.empty() && all_.size() < max_readers) {
        auto reader = Reader::open(file_);
        if (!reader) return std::unexpected(reader.error());
        all_.push_back(*std::move(reader));
        return all_.back().get();
    }
    returned_.wait(lock, [&] { return !idle_.empty(); });
    Reader* const reader = idle_.back();
    idle_.pop_back();
    return reader;
}

void Readers::give_back(Reader& reader) {
    {
        const std::scoped_lock lock{mutex_};
        idle_.push_back(&reader);
    }
    returned_.notify_one();
}

} // namespace storage::sqlite
