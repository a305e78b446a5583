#include "storage/rocksdb/database.hpp"

#include "storage/rocksdb/settings.hpp"

#include <rocksdb/iterator.h>

#include <algorithm>
#include <cerrno>
#include <initializer_list>
#include <shared_mutex>
#include <string>
#include <system_error>
#include <utility>

namespace storage::rocksdb {

namespace {

namespace fs = std::filesystem;
using keyed::Batch;
using keyed::Table;
using Kind = StorageError::Kind;
using protocol::ByteView;
using ::rocksdb::Status;

constexpr std::size_t max_idle = 4;
// For what is written in the background.
constexpr Disk::Reserve reserve{.bytes = std::uintmax_t{128} << 20U, .parts_of_small_disk = 8};

StorageError error(Kind kind, const fs::path& folder, const Status& status, std::string_view advice = {}) {
    std::string text = status.ToString();
    // A sorted file that is missing is looked for again by the name that LevelDB would have given it.
    if (const auto ending = text.find(".ldb"); ending != std::string::npos) text.replace(ending, 4, ".sst");
    std::string detail = folder.native();
    detail.append(": ").append(text).append(advice);
    return {.kind = kind, .detail = std::move(detail)};
}

constexpr std::string_view damaged = "; the store is damaged: bring back the file that is named here, or the whole "
                                     "directory, from a backup";

bool mentions(const Status& status, std::initializer_list<std::string_view> words) {
    const std::string text = status.ToString();
    return std::ranges::any_of(words, [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

bool is_damage(const Status& status) {
    return status.IsCorruption() || status.IsPathNotFound() || mentions(status, {"No such file", "does not exist"});
}

// A limit to a file's size, or a quota, is a full disk too.
bool is_without_space(const Status& status) {
    return status.IsNoSpace() ||
           mentions(status, {std::generic_category().message(EFBIG), std::generic_category().message(EDQUOT)});
}

StorageError error_of_opening(const fs::path& folder, const Status& status) {
    if (is_damage(status)) return error(Kind::corrupt, folder, status, damaged);
    if (is_without_space(status)) return error(Kind::full, folder, status, make_room);
    return error(Kind::unusable, folder, status);
}

StorageError error_of_reading(const fs::path& folder, const Status& status) {
    if (is_damage(status)) return error(Kind::corrupt, folder, status, damaged);
    return error(Kind::unavailable, folder, status);
}

// Whether a part of it has reached the log is not known: the files tell, when they are opened again. After a sync that
// failed not even they do.
StorageError error_of_writing(const fs::path& folder, const Status& status) {
    if (is_damage(status)) return error(Kind::corrupt, folder, status, damaged);
    if (is_without_space(status) && !mentions(status, {"sync"})) return error(Kind::unknown, folder, status, make_room);
    return error(Kind::poisoned, folder, status, "; nothing is stored until the role is started again");
}

} // namespace

namespace {

class TableCursor final : public keyed::Cursor {
  public:
    TableCursor(std::unique_ptr<::rocksdb::Iterator> iterator, const fs::path& folder)
        : iterator_{std::move(iterator)},
          folder_{folder} {}

    Result<bool> seek(ByteView key) override {
        iterator_->Seek(slice(key));
        return is_there();
    }
    Result<bool> seek_back(ByteView key) override {
        iterator_->SeekForPrev(slice(key));
        return is_there();
    }
    Result<bool> next() override {
        iterator_->Next();
        return is_there();
    }
    Result<bool> previous() override {
        iterator_->Prev();
        return is_there();
    }
    [[nodiscard]] ByteView key() const override { return view(iterator_->key()); }
    [[nodiscard]] ByteView value() const override { return view(iterator_->value()); }

  private:
    Result<bool> is_there() {
        if (iterator_->Valid()) return true;
        if (const Status status = iterator_->status(); !status.ok())
            return std::unexpected(error_of_reading(folder_, status));
        return false;
    }

    std::unique_ptr<::rocksdb::Iterator> iterator_;
    const fs::path& folder_;
};

} // namespace

// The state after some commit, and iterators over it.
class View {
  public:
    View(::rocksdb::DB& database, std::uint64_t commits)
        : commits_{commits},
          database_{database},
          snapshot_{database.GetSnapshot()} {}
    View(const View&) = delete;
    View& operator=(const View&) = delete;
    View(View&&) = delete;
    View& operator=(View&&) = delete;
    ~View() {
        cursors_ = {};
        database_.ReleaseSnapshot(snapshot_);
    }

    [[nodiscard]] std::uint64_t commits() const { return commits_; }

    keyed::Cursor* cursor(Table table, ::rocksdb::ColumnFamilyHandle* handle, const fs::path& folder) {
        auto& cursor = cursors_.at(static_cast<std::size_t>(table));
        if (!cursor) {
            ::rocksdb::ReadOptions options;
            options.snapshot = snapshot_;
            options.prefix_same_as_start = table == Table::fingerprints;
            cursor = std::make_unique<TableCursor>(
                std::unique_ptr<::rocksdb::Iterator>{database_.NewIterator(options, handle)}, folder);
        }
        return cursor.get();
    }

  private:
    std::uint64_t commits_;
    ::rocksdb::DB& database_;
    const ::rocksdb::Snapshot* snapshot_;
    std::array<std::unique_ptr<TableCursor>, keyed::table_names.size()> cursors_;
};

class Lease final : public keyed::Snapshot {
  public:
    Lease(Database& database, std::unique_ptr<View> view, std::shared_lock<SharedMutex> lock)
        : database_{database},
          lock_{std::move(lock)},
          view_{std::move(view)} {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Lease(Lease&&) = delete;
    Lease& operator=(Lease&&) = delete;
    ~Lease() override { database_.give_back(std::move(view_)); }

    Result<keyed::Cursor*> cursor(Table table) override {
        return view_->cursor(table, database_.files_.table(table), database_.place_.path);
    }

  private:
    Database& database_;
    std::shared_lock<SharedMutex> lock_;
    std::unique_ptr<View> view_;
};

Result<void> Database::make(const fs::path& folder, const Batch& first) {
    ::rocksdb::DBOptions options = database_options();
    options.create_if_missing = true;
    options.create_missing_column_families = true;
    Files files;
    Status status = files.open(options, folder);
    if (status.ok()) status = files.write(first);
    if (status.ok()) status = files.close();
    if (!status.ok()) return std::unexpected(error_of_opening(folder, status));
    return {};
}

Result<std::unique_ptr<Database>> Database::open(Place place) {
    std::unique_ptr<Database> database{new Database{std::move(place)}};
    if (auto done = database->open_files(); !done) return std::unexpected(done.error());
    return database;
}

Database::Database(Place place) : place_{std::move(place)}, disk_{place_.path, reserve} {}

Database::~Database() {
    close_files();
}

Result<void> Database::open_files() {
    const Status status = files_.open(database_options(), place_.path);
    if (!status.ok()) return std::unexpected(error_of_opening(place_.path, status));
    return {};
}

void Database::close_files() {
    idle_.clear();
    // All that was acknowledged is synced; what could still fail here is not missed.
    files_.close().PermitUncheckedError();
}

Result<std::shared_lock<SharedMutex>> Database::opened() {
    std::shared_lock lock{mutex_};
    while (!files_.are_open()) {
        lock.unlock();
        {
            const std::unique_lock alone{mutex_};
            if (!files_.are_open())
                if (auto done = open_files(); !done) return std::unexpected(done.error());
        }
        lock.lock();
    }
    return lock;
}

Result<void> Database::commit(const Batch& batch) {
    auto lock = opened();
    if (!lock) return std::unexpected(lock.error());
    if (const auto& expected = batch.expected())
        if (auto done = check_expected(*expected); !done) return done;
    if (auto done = check_space(batch.brings_records()); !done) return done;
    Result<void> done;
    if (const Status status = files_.write(batch); !status.ok())
        done = std::unexpected(error_of_writing(place_.path, status));
    is_in_doubt_ = !done;
    {
        const std::scoped_lock idle{idle_mutex_};
        ++commits_;
        idle_.clear();
    }
    if (!done && done.error().kind == Kind::unknown) {
        lock->unlock();
        const std::unique_lock alone{mutex_};
        close_files();
    }
    return done;
}

// One thread writes, and the lock keeps other processes away: nothing comes between this and the write.
Result<void> Database::check_expected(const Batch::Expected& expected) {
    ::rocksdb::PinnableSlice value;
    const Status status = files_.get(Table::rows, expected.key, value);
    if (!status.ok() && !status.IsNotFound()) return std::unexpected(error_of_reading(place_.path, status));
    if (auto objection = expected.objection(view(value))) return std::unexpected(*std::move(objection));
    return {};
}

Result<void> Database::check_space(bool brings_records) {
    const auto room = disk_.watch(0);
    if (!room || room->has(0, brings_records)) return {};
    std::string detail = place_.path.native();
    detail.append(": its disk has ").append(std::to_string(room->available >> 20U));
    detail.append(" MiB left, which RocksDB needs to put in order what it has").append(make_room);
    return std::unexpected(StorageError{.kind = Kind::full, .detail = std::move(detail)});
}

Result<std::unique_ptr<keyed::Snapshot>> Database::snapshot() {
    auto lock = opened();
    if (!lock) return std::unexpected(lock.error());
    std::unique_ptr<View> view;
    std::uint64_t commits = 0;
    {
        const std::scoped_lock idle{idle_mutex_};
        commits = commits_;
        if (!idle_.empty()) {
            view = std::move(idle_.back());
            idle_.pop_back();
        }
    }
    if (!view) view = std::make_unique<View>(files_.database(), commits);
    return std::make_unique<Lease>(*this, std::move(view), *std::move(lock));
}

void Database::give_back(std::unique_ptr<View> view) {
    const std::scoped_lock lock{idle_mutex_};
    if (view->commits() == commits_ && idle_.size() < max_idle) idle_.push_back(std::move(view));
}

Result<void> Database::close() {
    const std::unique_lock lock{mutex_};
    // Otherwise the next start reads the log again, and takes seconds for it.
    if (files_.are_open() && !is_in_doubt_) files_.flush().PermitUncheckedError();
    close_files();
    place_.lock.release();
    return {};
}

} // namespace storage::rocksdb
