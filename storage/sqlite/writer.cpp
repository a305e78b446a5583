#include "storage/sqlite/writer.hpp"

#include "storage/place.hpp"
#include "storage/stretches.hpp"

#include <string>
#include <utility>

namespace storage::sqlite {

namespace {

using Kind = StorageError::Kind;

// Pages of the journal (8 MiB) after which they are copied into the database, which keeps the longest commit short; and
// from where on readers are waited for, without whom the journal would grow on.
constexpr int pages_between_checkpoints = 2000;
constexpr int pages_too_many = 8 * pages_between_checkpoints;
constexpr int patience_with_readers_ms = 100;

constexpr const char* settings = "PRAGMA synchronous = FULL; PRAGMA secure_delete = OFF; "
                                 "PRAGMA cache_size = -65536; PRAGMA journal_size_limit = 67108864";

} // namespace

Result<std::unique_ptr<Writer>> Writer::open(const std::filesystem::path& file) {
    auto database = Database::open(file, Use::write);
    if (!database) return std::unexpected(database.error());
    if ((*database)->is_read_only())
        return unusable(file, "may not be written; let the role's user write it, or name another database_path");
    if (auto done = (*database)->execute(settings); !done) return std::unexpected(done.error());
    Statement journal_mode{**database, "PRAGMA journal_mode = WAL"};
    Rows rows = journal_mode.run();
    if (const auto row = rows.next(); !row) return std::unexpected(row.error());
    if (rows.text(0) != "wal")
        return unusable(file, "its file system has no shared memory for SQLite's journal: name another database_path");
    while (rows.next() == true) {
    }
    // After a sync that failed, what recovery reads of the journal may be in memory alone, and look clean to the next
    // sync: it is written anew, into the database, before any of it is acknowledged again.
    if (auto done = (*database)->checkpoint(Checkpoint::truncate); !done) return std::unexpected(done.error());
    return std::unique_ptr<Writer>{new Writer{*std::move(database)}};
}

Writer::Writer(std::unique_ptr<Database> database)
    : database_{std::move(database)},
      begin_{*database_, "BEGIN IMMEDIATE"},
      commit_{*database_, "COMMIT"},
      rollback_{*database_, "ROLLBACK"},
      term_{*database_, "SELECT term FROM head"},
      remove_head_{*database_, "DELETE FROM head WHERE only_row = 1 AND term = ?1 AND position = ?2 AND chain = ?3 AND "
                               "removed = ?4 AND removed_chain = ?5"},
      head_{*database_, "INSERT INTO head (only_row, term, position, chain, removed, removed_chain) "
                        "VALUES (1, ?1, ?2, ?3, ?4, ?5)"},
      stream_{*database_,
              "INSERT INTO streams (number, identity, stream_id, pool, epoch, durable_sequence, removed_sequence) "
              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (number) DO UPDATE SET "
              "pool = excluded.pool, epoch = excluded.epoch, durable_sequence = excluded.durable_sequence, "
              "removed_sequence = excluded.removed_sequence"},
      channel_{*database_, "INSERT INTO channels (number, pool, channel_id) VALUES (?1, ?2, ?3)"},
      user_{*database_, "INSERT INTO users (number, pool, user_identity) VALUES (?1, ?2, ?3)"},
      derived_{*database_, "INSERT INTO derived (key, value) VALUES (?1, ?2) "
                           "ON CONFLICT (key) DO UPDATE SET value = excluded.value"},
      stretch_{*database_, "INSERT INTO stretches (stream, first_sequence, first_position, count) "
                           "VALUES (?1, ?2, ?3, ?4)"},
      remove_stretches_{*database_, "DELETE FROM stretches WHERE stream = ?1 AND first_sequence <= ?2 AND "
                                    "first_sequence + count - 1 <= ?2"},
      entries_{*database_},
      runs_{*database_} {}

Result<void> Writer::write(const Transaction& transaction) {
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

Result<void> Writer::finish() {
    if (latched_) return {};
    const auto done = database_->checkpoint(Checkpoint::truncate);
    if (done || done.error().may_recover())
        return {}; // a person reads; the journal stays, and is read at the next start
    return done;
}

Result<void> Writer::insert(const Transaction& transaction) {
    if (auto done = replace_head(transaction.expected, transaction.head); !done) return done;
    for (const StreamRow& row : transaction.streams)
        if (auto done = insert(row); !done) return done;
    for (const ChannelRow& row : transaction.channels)
        if (auto done = channel_.execute(row.number, row.pool, row.channel_id); !done) return done;
    for (const UserRow& row : transaction.users)
        if (auto done = user_.execute(row.number, row.pool, row.user_identity); !done) return done;
    for (const KeyValue& pair : transaction.derived)
        if (auto done = derived_.execute(pair.key, pair.value); !done) return done;
    if (auto done = change_runs(transaction); !done) return done;
    for (const LogEntry& entry : transaction.removed)
        if (auto done = entries_.remove(entry); !done) return done;
    return insert(transaction.entries);
}

// Not updated: SQLite does not write what is equal to what was there, and a commit without a write is synced by nobody.
Result<void> Writer::replace_head(const Head& expected, const Head& head) {
    if (auto done = remove_head_.execute(expected.term, expected.position, expected.chain, expected.removed,
                                         expected.removed_chain);
        !done)
        return done;
    if (database_->changes() == 1)
        return head_.execute(head.term, head.position, head.chain, head.removed, head.removed_chain);
    Rows rows = term_.run();
    const auto there = rows.next();
    if (!there) return std::unexpected(there.error());
    return std::unexpected(wrong_head(*there && rows.integer(0) == expected.term));
}

Result<void> Writer::insert(const StreamRow& row) {
    if (auto done = stream_.execute(row.number, row.name.identity, row.name.stream_id, row.pool, row.epoch,
                                    row.durable_sequence, row.removed_sequence);
        !done)
        return done;
    return remove_stretches_.execute(row.number, row.removed_sequence);
}

Result<void> Writer::insert(const std::vector<LogEntry>& entries) {
    for (const LogEntry& entry : entries)
        if (auto done = entries_.insert(entry); !done) return done;
    for (const Stretch& part : stretches_of(entries))
        if (auto done = stretch_.execute(part.stream, part.first_sequence, part.first_position, part.count); !done)
            return done;
    return {};
}

Result<void> Writer::change_runs(const Transaction& transaction) {
    if (transaction.replaced_run)
        if (auto done = runs_.remove(*transaction.replaced_run); !done) return done;
    for (const Run& run : transaction.runs)
        if (auto done = runs_.insert(run); !done) return done;
    for (const HourRow& row : transaction.hours)
        if (auto done = runs_.insert(row); !done) return done;
    return {};
}

// Only when nothing of the transaction is left does an error mean that nothing was stored. SQLite may have rolled back
// by itself. An interruption may hit the rollback, too.
void Writer::roll_back(StorageError& error) {
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
void Writer::latch(const StorageError& error) {
    if (error.may_recover()) return;
    latched_ = error;
    database_->leave_journal();
}

void Writer::keep_journal_short() {
    const int pages = database_->journal_pages();
    if (pages < checkpointed_pages_) checkpointed_pages_ = 0; // begun again
    if (pages - checkpointed_pages_ < pages_between_checkpoints) return;
    checkpointed_pages_ = pages;
    const auto done = pages < pages_too_many ? database_->checkpoint(Checkpoint::passive) : restart_journal();
    // The commit stands, whatever became of this. Without space, or because of a reader, it is tried again later.
    if (!done) latch(done.error());
}

Result<void> Writer::restart_journal() {
    database_->set_patience(patience_with_readers_ms);
    auto done = database_->checkpoint(Checkpoint::restart);
    database_->set_patience(patience_ms);
    return done;
}

} // namespace storage::sqlite
