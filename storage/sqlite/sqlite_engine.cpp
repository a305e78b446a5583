#include "storage/sqlite/sqlite_engine.hpp"

#include "storage/sqlite/database.hpp"
#include "storage/sqlite/entries.hpp"
#include "storage/sqlite/store_file.hpp"

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace storage {

namespace {

using Kind = StorageError::Kind;
using protocol::Bytes;
using protocol::ByteView;
using sqlite::Checkpoint;
using sqlite::Database;
using sqlite::Rows;
using sqlite::Statement;

// Pages of the journal (8 MiB) after which they are copied into the database, which keeps the longest commit short; and
// from where on readers are waited for, without whom the journal would grow on.
constexpr int pages_between_checkpoints = 2000;
constexpr int pages_too_many = 8 * pages_between_checkpoints;
constexpr int patience_with_readers_ms = 100;

constexpr std::size_t max_readers = 4;

constexpr const char* connection_settings = "PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF; ";
constexpr const char* writer_settings = "PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF; "
                                        "PRAGMA cache_size = -65536; PRAGMA journal_size_limit = 67108864";

Bytes owned(ByteView bytes) {
    return {bytes.begin(), bytes.end()};
}

// Calls `each` for the rows of a statement.
template <class Each> Result<void> for_each(Rows rows, Each each) {
    for (;;) {
        const auto row = rows.next();
        if (!row) return std::unexpected(row.error());
        if (!*row) return {};
        each(rows);
    }
}

struct Stretch {
    std::uint64_t first_sequence = 0;
    Position first_position = 0;
    std::uint64_t count = 0;
};

class Writer {
  public:
    explicit Writer(std::unique_ptr<Database> database) : database_{std::move(database)} {}

    Database& database() { return *database_; }

    Result<void> write(const Transaction& transaction) {
        if (latched_) return std::unexpected(*latched_);
        auto done = begin_.execute();
        if (done) done = insert(transaction);
        if (done) done = commit_.execute();
        if (!done) {
            roll_back(done.error());
            latch(done.error());
            return done;
        }
        keep_journal_short();
        return {};
    }

    // Copies the journal into the database, unless what lies there is in doubt.
    Result<void> finish() {
        if (latched_) return {};
        const auto done = database_->checkpoint(Checkpoint::truncate);
        if (done || done.error().may_recover())
            return {}; // a person reads; the journal stays, and is read at the next start
        return done;
    }

  private:
    Result<void> insert(const Transaction& transaction) {
        const Head& head = transaction.head;
        if (auto done = head_.execute(head.term, head.position, head.chain, transaction.expected_term); !done)
            return done;
        if (database_->changes() != 1)
            return std::unexpected(
                StorageError{.kind = Kind::poisoned, .detail = "another role has taken over the store"});
        for (const StreamRow& row : transaction.streams)
            if (auto done = stream_.execute(row.number, row.name.identity, row.name.stream_id, row.pool, row.epoch,
                                            row.durable_sequence);
                !done)
                return done;
        for (const ChannelRow& row : transaction.channels)
            if (auto done = channel_.execute(row.number, row.pool, row.channel_id); !done) return done;
        for (const KeyValue& pair : transaction.derived)
            if (auto done = derived_.execute(pair.key, pair.value); !done) return done;
        return insert(transaction.entries);
    }

    Result<void> insert(const std::vector<LogEntry>& entries) {
        for (const LogEntry& entry : entries)
            if (auto done = entries_.insert(entry); !done) return done;
        for (auto first = entries.begin(); first != entries.end();) {
            std::uint64_t count = 1;
            auto end = first + 1;
            for (; end != entries.end() && end->stream == first->stream && end->sequence == first->sequence + count &&
                   end->position == first->position + count;
                 ++end)
                ++count;
            if (auto done = stretch_.execute(first->stream, first->sequence, first->position, count); !done)
                return done;
            first = end;
        }
        return {};
    }

    // Only when nothing of the transaction is left does an error mean that nothing was stored. SQLite may have rolled
    // back by itself. An interruption may hit the rollback, too.
    void roll_back(StorageError& error) {
        while (database_->is_in_transaction()) {
            const auto done = rollback_.execute();
            if (done || done.error().kind == Kind::unavailable) continue;
            error.kind = Kind::poisoned;
            error.detail += "; and then ";
            error.detail += done.error().detail;
            return;
        }
    }

    // What cannot get better stops all that would follow: a failed sync is not tried again.
    void latch(const StorageError& error) {
        if (error.may_recover()) return;
        latched_ = error;
        database_->leave_journal();
    }

    void keep_journal_short() {
        const int pages = database_->journal_pages();
        if (pages < checkpointed_pages_) checkpointed_pages_ = 0; // begun again
        if (pages - checkpointed_pages_ < pages_between_checkpoints) return;
        checkpointed_pages_ = pages;
        const auto done = pages < pages_too_many ? database_->checkpoint(Checkpoint::passive) : restart_journal();
        // The commit stands, whatever became of this. Without space, or because of a reader, it is tried again later.
        if (!done) latch(done.error());
    }

    Result<void> restart_journal() {
        database_->set_patience(patience_with_readers_ms);
        auto done = database_->checkpoint(Checkpoint::restart);
        database_->set_patience(sqlite::patience_ms);
        return done;
    }

    std::unique_ptr<Database> database_;
    Statement begin_{*database_, "BEGIN IMMEDIATE"};
    Statement commit_{*database_, "COMMIT"};
    Statement rollback_{*database_, "ROLLBACK"};
    Statement head_{*database_, "UPDATE head SET term = ?1, position = ?2, chain = ?3 WHERE term = ?4"};
    Statement stream_{*database_,
                      "INSERT INTO streams (number, identity, stream_id, pool, epoch, durable_sequence) "
                      "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (number) DO UPDATE SET "
                      "pool = excluded.pool, epoch = excluded.epoch, durable_sequence = excluded.durable_sequence"};
    Statement channel_{*database_, "INSERT INTO channels (number, pool, channel_id) VALUES (?1, ?2, ?3)"};
    Statement derived_{*database_, "INSERT INTO derived (key, value) VALUES (?1, ?2) "
                                   "ON CONFLICT (key) DO UPDATE SET value = excluded.value"};
    Statement stretch_{*database_, "INSERT INTO stretches (stream, first_sequence, first_position, count) "
                                   "VALUES (?1, ?2, ?3, ?4)"};
    sqlite::EntryWriter entries_{*database_};
    int checkpointed_pages_ = 0;
    std::optional<StorageError> latched_;
};

class Reader {
  public:
    explicit Reader(std::unique_ptr<Database> database) : database_{std::move(database)} {}

    Database& database() { return *database_; }

    // What `question` asks, all of it of the log at one moment.
    template <class Question> auto ask(Question question) -> decltype(question(*this)) {
        if (const auto begun = begin_.execute(); !begun) return std::unexpected(begun.error());
        auto answer = question(*this);
        while (database_->is_in_transaction())
            if (const auto done = rollback_.execute(); !done && done.error().kind != Kind::unavailable)
                return std::unexpected(done.error());
        return answer;
    }

    Result<Contents> contents() {
        Contents contents;
        bool has_data_set = false;
        bool has_head = false;
        auto done = for_each(data_set_.run(), [&](const Rows& row) {
            contents.data_set = {.id = row.integer(0), .generation = static_cast<std::uint32_t>(row.integer(1))};
            const ByteView key = row.bytes(2);
            has_data_set = key.size() == contents.fingerprint_key.size();
            if (has_data_set) std::ranges::copy(key, contents.fingerprint_key.begin());
        });
        if (done)
            done = for_each(head_.run(), [&](const Rows& row) {
                contents.head.term = row.integer(0);
                contents.head.position = row.integer(1);
                const ByteView chain = row.bytes(2);
                has_head = chain.size() == contents.head.chain.size();
                if (has_head) std::ranges::copy(chain, contents.head.chain.begin());
            });
        if (done)
            done = for_each(streams_.run(), [&](const Rows& row) {
                contents.streams.push_back({.number = static_cast<std::uint32_t>(row.integer(0)),
                                            .name = {.identity = std::string{row.text(1)}, .stream_id = row.integer(2)},
                                            .pool = std::string{row.text(3)},
                                            .epoch = row.integer(4),
                                            .durable_sequence = row.integer(5)});
            });
        if (done)
            done = for_each(channels_.run(), [&](const Rows& row) {
                contents.channels.push_back({.number = static_cast<std::uint32_t>(row.integer(0)),
                                             .pool = std::string{row.text(1)},
                                             .channel_id = std::string{row.text(2)}});
            });
        if (done)
            done = for_each(derived_.run(), [&](const Rows& row) {
                contents.derived.push_back({.key = owned(row.bytes(0)), .value = owned(row.bytes(1))});
            });
        if (!done) return std::unexpected(done.error());
        if (!has_data_set || !has_head)
            return std::unexpected(
                StorageError{.kind = Kind::corrupt, .detail = "the store's data_set or head is missing"});
        return contents;
    }

    Result<std::vector<LogEntry>> read(Position first, Position last, std::size_t limit) {
        std::vector<LogEntry> entries;
        if (auto done = entries_.read(first, last, limit, entries); !done) return std::unexpected(done.error());
        return entries;
    }

    Result<std::vector<LogEntry>> read_stream(std::uint32_t stream, std::uint64_t first, std::uint64_t last) {
        std::vector<Stretch> stretches;
        auto done = for_each(stretches_.run(stream, sqlite::bound(first), sqlite::bound(last)), [&](const Rows& row) {
            stretches.push_back({row.integer(0), row.integer(1), row.integer(2)});
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

    Result<std::vector<LogEntry>> shares(const ShareScan& scan) { return entries_.scan(scan); }

    Result<bool> has_entries(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time, Position cut) {
        Rows rows = any_.run(channel, sqlite::bound(first_time), sqlite::bound(last_time), sqlite::bound(cut));
        if (const auto row = rows.next(); !row) return std::unexpected(row.error());
        return rows.integer(0) != 0;
    }

    Result<std::vector<Position>> find(std::uint64_t fingerprint, Position cut) {
        std::vector<Position> positions;
        auto done = for_each(fingerprints_.run(fingerprint, sqlite::bound(cut)),
                             [&](const Rows& row) { positions.push_back(row.integer(0)); });
        if (!done) return std::unexpected(done.error());
        return positions;
    }

  private:
    std::unique_ptr<Database> database_;
    Statement begin_{*database_, "BEGIN"};
    Statement rollback_{*database_, "ROLLBACK"};
    Statement data_set_{*database_, "SELECT id, generation, fingerprint_key FROM data_set"};
    Statement head_{*database_, "SELECT term, position, chain FROM head"};
    Statement streams_{*database_, "SELECT number, identity, stream_id, pool, epoch, durable_sequence FROM streams "
                                   "ORDER BY number"};
    Statement channels_{*database_, "SELECT number, pool, channel_id FROM channels ORDER BY number"};
    Statement derived_{*database_, "SELECT key, value FROM derived ORDER BY key"};
    // From the stretch that holds ?2, or the first one after it.
    Statement stretches_{*database_,
                         "SELECT first_sequence, first_position, count FROM stretches WHERE stream = ?1 AND "
                         "first_sequence >= coalesce((SELECT max(first_sequence) FROM stretches WHERE stream = ?1 AND "
                         "first_sequence <= ?2), ?2) AND first_sequence <= ?3 ORDER BY first_sequence"};
    Statement any_{
        *database_,
        "SELECT EXISTS (SELECT 1 FROM shares WHERE channel = ?1 AND time BETWEEN ?2 AND ?3 AND position <= ?4) "
        "OR EXISTS (SELECT 1 FROM acknowledgments WHERE channel = ?1 AND time BETWEEN ?2 AND ?3 "
        "AND position <= ?4) "
        "OR EXISTS (SELECT 1 FROM blocks WHERE channel = ?1 AND time BETWEEN ?2 AND ?3 AND position <= ?4)"};
    Statement fingerprints_{*database_, "SELECT position FROM fingerprints WHERE fingerprint = ?1 AND position <= ?2 "
                                        "ORDER BY position"};
    sqlite::EntryReader entries_{*database_};
};

// A few read-only connections, made when they are first needed.
class Readers {
  public:
    explicit Readers(std::filesystem::path file) : file_{std::move(file)} {}

    template <class Question> auto ask(Question question) -> decltype(question(std::declval<Reader&>())) {
        auto reader = take();
        if (!reader) return std::unexpected(reader.error());
        auto answer = (*reader)->ask(std::move(question));
        give_back(**reader);
        return answer;
    }

    void interrupt() {
        const std::scoped_lock lock{mutex_};
        for (const auto& reader : all_) reader->database().interrupt();
    }

    void close() {
        const std::scoped_lock lock{mutex_};
        idle_.clear();
        all_.clear();
    }

  private:
    Result<Reader*> take() {
        std::unique_lock lock{mutex_};
        if (idle_.empty() && all_.size() < max_readers) {
            auto database = Database::open(file_, sqlite::Use::read);
            if (!database)
                return std::unexpected(StorageError{.kind = Kind::unavailable, .detail = database.error().detail});
            if (auto done = (*database)->execute(connection_settings); !done) return std::unexpected(done.error());
            all_.push_back(std::make_unique<Reader>(*std::move(database)));
            return all_.back().get();
        }
        returned_.wait(lock, [&] { return !idle_.empty(); });
        Reader* const reader = idle_.back();
        idle_.pop_back();
        return reader;
    }

    void give_back(Reader& reader) {
        {
            const std::scoped_lock lock{mutex_};
            idle_.push_back(&reader);
        }
        returned_.notify_one();
    }

    std::filesystem::path file_;
    std::mutex mutex_;
    std::condition_variable returned_;
    std::vector<std::unique_ptr<Reader>> all_;
    std::vector<Reader*> idle_;
};

class SqliteEngine final : public Engine {
  public:
    SqliteEngine(sqlite::StoreFile file, std::unique_ptr<Database> database)
        : file_{std::move(file)},
          readers_{file_.path},
          writer_{std::make_unique<Writer>(std::move(database))} {}

    [[nodiscard]] std::string_view name() const override { return "sqlite"; }
    [[nodiscard]] protocol::Durability durability() const override { return protocol::Durability::local; }

    Result<Contents> load() override {
        return readers_.ask([](Reader& reader) { return reader.contents(); });
    }

    Result<void> write(const Transaction& transaction) override { return writer_->write(transaction); }

    Result<std::vector<LogEntry>> read(Position first, Position last, std::size_t limit) const override {
        return readers_.ask([&](Reader& reader) { return reader.read(first, last, limit); });
    }

    Result<std::vector<LogEntry>> read_stream(std::uint32_t stream, std::uint64_t first,
                                              std::uint64_t last) const override {
        return readers_.ask([&](Reader& reader) { return reader.read_stream(stream, first, last); });
    }

    Result<std::vector<LogEntry>> shares(const ShareScan& scan) const override {
        return readers_.ask([&](Reader& reader) { return reader.shares(scan); });
    }

    Result<bool> has_entries(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time,
                             Position cut) const override {
        return readers_.ask([&](Reader& reader) { return reader.has_entries(channel, first_time, last_time, cut); });
    }

    Result<std::vector<Position>> find(std::uint64_t fingerprint, Position cut) const override {
        return readers_.ask([&](Reader& reader) { return reader.find(fingerprint, cut); });
    }

    void interrupt() override {
        writer_->database().interrupt();
        readers_.interrupt();
    }

    Result<void> close() override {
        readers_.close();
        auto done = writer_->finish();
        writer_.reset();
        file_.lock.release();
        return done;
    }

  private:
    sqlite::StoreFile file_; // its lock goes last
    mutable Readers readers_;
    std::unique_ptr<Writer> writer_;
};

Result<std::unique_ptr<Database>> open_for_writing(const std::filesystem::path& file) {
    auto database = Database::open(file, sqlite::Use::write);
    if (!database) return database;
    if ((*database)->is_read_only())
        return std::unexpected(StorageError{.kind = Kind::unusable, .detail = file.native() + ": may not be written"});
    auto done = (*database)->execute(connection_settings);
    if (done) done = (*database)->execute(writer_settings);
    if (!done) return std::unexpected(done.error());
    Statement journal_mode{**database, "PRAGMA journal_mode = WAL"};
    Rows rows = journal_mode.run();
    if (const auto row = rows.next(); !row) return std::unexpected(row.error());
    if (rows.text(0) != "wal")
        return std::unexpected(
            StorageError{.kind = Kind::unusable,
                         .detail = file.native() + ": its file system has no shared memory for SQLite's journal"});
    // After a sync that failed, what recovery reads of the journal may be in memory alone, and look clean to the next
    // sync: it is written anew, into the database, before any of it is acknowledged again.
    while (rows.next() == true) {
    }
    if (done = (*database)->checkpoint(Checkpoint::truncate); !done) return std::unexpected(done.error());
    return database;
}

} // namespace

Result<std::unique_ptr<Engine>> open_sqlite(const std::filesystem::path& file) {
    auto claimed = sqlite::claim(file);
    if (!claimed) return std::unexpected(claimed.error());
    auto database = open_for_writing(claimed->path);
    if (!database) {
        // Nothing was written that could be in doubt.
        StorageError error = database.error();
        if (error.kind == Kind::poisoned) error.kind = Kind::unusable;
        return std::unexpected(std::move(error));
    }
    return std::make_unique<SqliteEngine>(*std::move(claimed), *std::move(database));
}

} // namespace storage
