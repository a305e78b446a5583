#include "storage/lmdb/environment.hpp"

#include "storage/lmdb/data_file.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <shared_mutex>
#include <string>
#include <utility>

namespace storage::lmdb {

namespace {

namespace fs = std::filesystem;
using keyed::Batch;
using keyed::Table;
using Kind = StorageError::Kind;
using protocol::ByteView;

constexpr std::uint64_t mebibyte = std::uint64_t{1} << 20U;
constexpr std::uint64_t least_step = 4 * mebibyte;
constexpr std::uint64_t largest_step = 1024 * mebibyte;
constexpr std::uint64_t page = 4096;

// By which a file of this size grows.
std::uint64_t next_step(std::uint64_t size) {
    return std::clamp(size / 4, least_step, largest_step) / page * page;
}

constexpr std::size_t number(Table table) {
    return static_cast<std::size_t>(table);
}

MDB_val value(ByteView bytes) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): LMDB does not write there.
    return {.mv_size = bytes.size(), .mv_data = const_cast<std::uint8_t*>(bytes.data())};
}

ByteView view(const MDB_val& value) {
    return {static_cast<const std::uint8_t*>(value.mv_data), value.mv_size};
}

std::unexpected<StorageError> failed(Kind kind, const fs::path& file, int code, std::string_view advice = {}) {
    std::string detail = file.native();
    detail.append(": ").append(::mdb_strerror(code)).append(advice);
    return std::unexpected(StorageError{.kind = kind, .detail = std::move(detail)});
}

bool is_damage(int code) {
    return code == MDB_CORRUPTED || code == MDB_PAGE_NOTFOUND || code == MDB_INVALID;
}

constexpr std::string_view damaged = "; the file is damaged: bring it back from a backup";

std::unexpected<StorageError> failed_opening(const fs::path& file, int code) {
    if (is_damage(code) || code == MDB_NOTFOUND) return failed(Kind::corrupt, file, code, damaged);
    return failed(Kind::unusable, file, code);
}

std::unexpected<StorageError> failed_reading(const fs::path& file, int code) {
    return is_damage(code) ? failed(Kind::corrupt, file, code, damaged) : failed(Kind::unavailable, file, code);
}

} // namespace

class TableCursor final : public keyed::Cursor {
  public:
    TableCursor(MDB_txn* transaction, MDB_dbi table, const fs::path& file)
        : code_{::mdb_cursor_open(transaction, table, &cursor_)},
          file_{file} {}
    TableCursor(const TableCursor&) = delete;
    TableCursor& operator=(const TableCursor&) = delete;
    TableCursor(TableCursor&&) = delete;
    TableCursor& operator=(TableCursor&&) = delete;
    ~TableCursor() override {
        if (cursor_ != nullptr) ::mdb_cursor_close(cursor_);
    }

    int renew(MDB_txn* transaction) { return code_ == 0 ? ::mdb_cursor_renew(transaction, cursor_) : code_; }
    [[nodiscard]] int code() const { return code_; }

    Result<bool> seek(ByteView key) override {
        key_ = lmdb::value(key);
        return move(MDB_SET_RANGE);
    }
    Result<bool> seek_back(ByteView key) override {
        key_ = lmdb::value(key);
        const auto from = move(MDB_SET_RANGE);
        if (!from) return from;
        if (!*from) return move(MDB_LAST);
        if (std::ranges::equal(view(key_), key)) return true;
        return move(MDB_PREV);
    }
    Result<bool> next() override { return move(MDB_NEXT); }
    Result<bool> previous() override { return move(MDB_PREV); }
    [[nodiscard]] ByteView key() const override { return view(key_); }
    [[nodiscard]] ByteView value() const override { return view(value_); }

  private:
    Result<bool> move(MDB_cursor_op operation) {
        const int code = ::mdb_cursor_get(cursor_, &key_, &value_, operation);
        if (code == MDB_SUCCESS) return true;
        if (code == MDB_NOTFOUND) return false;
        return failed_reading(file_, code);
    }

    MDB_cursor* cursor_ = nullptr;
    int code_ = 0;
    MDB_val key_{};
    MDB_val value_{};
    const fs::path& file_;
};

// A transaction that reads, and its cursors. Between two questions it holds no pages.
class View {
  public:
    explicit View(MDB_env& environment) : code_{::mdb_txn_begin(&environment, nullptr, MDB_RDONLY, &transaction_)} {}
    View(const View&) = delete;
    View& operator=(const View&) = delete;
    View(View&&) = delete;
    View& operator=(View&&) = delete;
    ~View() {
        for (auto& cursor : cursors_) cursor.reset();
        if (transaction_ != nullptr) ::mdb_txn_abort(transaction_);
    }

    [[nodiscard]] int code() const { return code_; }
    [[nodiscard]] MDB_txn* transaction() const { return transaction_; }
    [[nodiscard]] int renew() {
        is_of_now_.fill(false);
        return ::mdb_txn_renew(transaction_);
    }
    void let_go() { ::mdb_txn_reset(transaction_); }

    Result<keyed::Cursor*> cursor(Table table, MDB_dbi handle, const fs::path& file) {
        auto& cursor = cursors_.at(number(table));
        bool& is_of_now = is_of_now_.at(number(table));
        int code = 0;
        if (!cursor) {
            cursor = std::make_unique<TableCursor>(transaction_, handle, file);
            code = cursor->code();
        } else if (!is_of_now) {
            code = cursor->renew(transaction_);
        }
        if (code != 0) return failed_reading(file, code);
        is_of_now = true;
        return cursor.get();
    }

  private:
    MDB_txn* transaction_ = nullptr;
    int code_ = 0;
    std::array<std::unique_ptr<TableCursor>, keyed::table_names.size()> cursors_;
    std::array<bool, keyed::table_names.size()> is_of_now_{};
};

class Lease final : public keyed::Snapshot {
  public:
    Lease(Environment& environment, std::unique_ptr<View> view, std::shared_lock<SharedMutex> lock)
        : environment_{environment},
          lock_{std::move(lock)},
          view_{std::move(view)} {}
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    Lease(Lease&&) = delete;
    Lease& operator=(Lease&&) = delete;
    ~Lease() override {
        view_->let_go();
        environment_.give_back(std::move(view_));
    }

    Result<keyed::Cursor*> cursor(Table table) override {
        return view_->cursor(table, environment_.tables_.at(number(table)), environment_.place_.path);
    }

  private:
    Environment& environment_;
    std::shared_lock<SharedMutex> lock_;
    std::unique_ptr<View> view_;
};

Result<Environment::Handle> Environment::open_file(const fs::path& file, unsigned flags, std::uint64_t size) {
    MDB_env* made = nullptr;
    if (const int code = ::mdb_env_create(&made); code != 0) return failed(Kind::unusable, file, code);
    Handle environment{made};
    int code = ::mdb_env_set_maxdbs(made, keyed::table_names.size());
    if (code == 0) code = ::mdb_env_set_mapsize(made, size);
    if (code == 0) code = ::mdb_env_open(made, file.c_str(), flags | MDB_NOSUBDIR | MDB_NOTLS, 0600);
    if (code != 0) return failed_opening(file, code);
    return environment;
}

int Environment::open_tables(MDB_env& environment, unsigned flags, Tables& tables) {
    MDB_txn* transaction = nullptr;
    int code = ::mdb_txn_begin(&environment, nullptr, flags == MDB_CREATE ? 0 : MDB_RDONLY, &transaction);
    if (code != 0) return code;
    for (std::size_t i = 0; i < tables.size() && code == 0; ++i)
        code = ::mdb_dbi_open(transaction, std::string{keyed::table_names.at(i)}.c_str(), flags, &tables.at(i));
    if (code == 0) return ::mdb_txn_commit(transaction);
    ::mdb_txn_abort(transaction);
    return code;
}

Result<void> Environment::make(const fs::path& file, const Batch& first) {
    auto environment = open_file(file, 0, least_step);
    if (!environment) return std::unexpected(environment.error());
    if (auto done = lengthen(file, least_step, Disk{file, reserve}, true); !done) return done;
    Tables tables{};
    int code = open_tables(**environment, MDB_CREATE, tables);
    std::optional<StorageError> none; // nothing is expected
    if (code == 0) code = apply(**environment, tables, first, none);
    if (code != 0) return failed(Kind::unusable, file, code);
    return {};
}

Result<std::optional<protocol::Bytes>> Environment::value_of(const fs::path& file, ByteView key) {
    const auto size = size_of(file);
    if (!size) return std::unexpected(size.error());
    auto environment = open_file(file, MDB_RDONLY | MDB_NOLOCK, *size);
    if (!environment) return std::unexpected(environment.error());
    Tables tables{};
    const int opened = open_tables(**environment, 0, tables);
    if (opened == MDB_NOTFOUND || opened == MDB_INCOMPATIBLE) return std::nullopt;
    if (opened != 0) return failed_opening(file, opened);
    const View view{**environment};
    if (view.code() != 0) return failed_opening(file, view.code());
    TableCursor cursor{view.transaction(), tables.at(number(Table::rows)), file};
    if (cursor.code() != 0) return failed_opening(file, cursor.code());
    const auto found = cursor.seek(key);
    if (!found) return std::unexpected(found.error());
    if (!*found || !std::ranges::equal(cursor.key(), key)) return std::nullopt;
    return protocol::Bytes{cursor.value().begin(), cursor.value().end()};
}

Result<std::unique_ptr<Environment>> Environment::open(Place place, std::uint64_t most_bytes) {
    std::unique_ptr<Environment> opened{new Environment{std::move(place), most_bytes}};
    const fs::path& file = opened->place_.path;
    const auto size = size_of(file);
    if (!size) return std::unexpected(size.error());
    opened->size_ = *size / page * page;
    auto environment = open_file(file, 0, opened->size_);
    if (!environment) return std::unexpected(environment.error());
    opened->environment_ = *std::move(environment);
    if (const int code = open_tables(*opened->environment_, 0, opened->tables_); code != 0)
        return failed_opening(file, code);
    opened->forget_dead_readers();
    auto watch = BusErrorWatch::over(file);
    if (!watch) return std::unexpected(watch.error());
    opened->watch_.emplace(*std::move(watch));
    return opened;
}

Environment::Environment(Place place, std::uint64_t most_bytes)
    : place_{std::move(place)},
      most_bytes_{most_bytes},
      disk_{place_.path, reserve} {}

Environment::~Environment() {
    idle_.clear();
    watch_.reset();
}

int Environment::apply(MDB_env& environment, const Tables& tables, const Batch& batch,
                       std::optional<StorageError>& objection) {
    MDB_txn* transaction = nullptr;
    int code = ::mdb_txn_begin(&environment, nullptr, 0, &transaction);
    if (code != 0) return code;
    if (const auto& expected = batch.expected()) {
        MDB_val key = value(expected->key);
        MDB_val found{};
        code = ::mdb_get(transaction, tables.at(number(Table::rows)), &key, &found);
        if (code == MDB_NOTFOUND) code = 0;
        if (code == 0) objection = expected->objection(view(found));
    }
    for (std::size_t i = 0; i < batch.size() && code == 0 && !objection; ++i) {
        const Batch::Change change = batch[i];
        const MDB_dbi table = tables.at(number(change.table));
        MDB_val key = value(change.key);
        MDB_val content = value(change.value);
        if (change.is_removal) {
            code = ::mdb_del(transaction, table, &key, nullptr);
            if (code == MDB_NOTFOUND) code = 0;
        } else {
            // Entries come in order: pages are then filled, and not split in halves.
            code =
                change.table == Table::log ? ::mdb_put(transaction, table, &key, &content, MDB_APPEND) : MDB_KEYEXIST;
            if (code == MDB_KEYEXIST) code = ::mdb_put(transaction, table, &key, &content, 0);
        }
    }
    if (code != 0 || objection) {
        ::mdb_txn_abort(transaction);
        return code;
    }
    return ::mdb_txn_commit(transaction);
}

Result<void> Environment::commit(const Batch& batch) {
    for (;;) {
        std::optional<StorageError> objection;
        const int code = apply(*environment_, tables_, batch, objection);
        if (objection) return std::unexpected(*std::move(objection));
        if (code == 0) {
            disk_.watch(next_step(size_));
            return {};
        }
        if (code == MDB_MAP_FULL) { // nothing was written
            if (auto done = grow(batch.brings_records()); !done) return done;
            continue;
        }
        if (is_damage(code)) return failed(Kind::corrupt, place_.path, code, damaged);
        // A write or a sync has failed, and which one LMDB does not tell.
        return failed(Kind::poisoned, place_.path, code, "; nothing is stored until the role is started again");
    }
}

// Whether there were any. What another process was reading, mdb_dump for one, when it was killed, is kept for it else.
bool Environment::forget_dead_readers() {
    int found = 0;
    return ::mdb_reader_check(environment_.get(), &found) == 0 && found > 0;
}

// The file first, so that there is room on the disk for all that is written later. Not at all if pages have become free
// by what a dead process had kept.
Result<void> Environment::grow(bool brings_records) {
    if (forget_dead_readers()) return {};
    const std::unique_lock lock{mutex_};
    if (size_ >= most_bytes_) {
        std::string detail = place_.path.native();
        detail.append(": is full: it may not have more than ").append(std::to_string(most_bytes_)).append(" bytes");
        return std::unexpected(StorageError{.kind = Kind::full, .detail = std::move(detail)});
    }
    std::uint64_t next = std::min(size_ + next_step(size_), most_bytes_) / page * page;
    auto done = lengthen(place_.path, next, disk_, brings_records);
    if (!done && done.error().kind == Kind::full && next > size_ + least_step) { // as far as it goes
        next = size_ + least_step;
        done = lengthen(place_.path, next, disk_, brings_records);
    }
    disk_.watch(next_step(size_));
    if (!done) return done;
    if (const int code = ::mdb_env_set_mapsize(environment_.get(), next); code != 0)
        return failed(Kind::poisoned, place_.path, code);
    size_ = next;
    return watch_ ? watch_->look_again() : Result<void>{};
}

Result<std::unique_ptr<keyed::Snapshot>> Environment::snapshot() {
    std::shared_lock lock{mutex_};
    std::unique_ptr<View> view;
    {
        const std::scoped_lock idle{idle_mutex_};
        if (!idle_.empty()) {
            view = std::move(idle_.back());
            idle_.pop_back();
        }
    }
    int code = 0;
    if (view) {
        code = view->renew();
    } else {
        view = std::make_unique<View>(*environment_);
        code = view->code();
    }
    if (code != 0) return failed_reading(place_.path, code);
    return std::make_unique<Lease>(*this, std::move(view), std::move(lock));
}

void Environment::give_back(std::unique_ptr<View> view) {
    const std::scoped_lock lock{idle_mutex_};
    idle_.push_back(std::move(view));
}

Result<void> Environment::close() {
    const std::unique_lock lock{mutex_};
    idle_.clear();
    watch_.reset();
    environment_.reset();
    place_.lock.release();
    return {};
}

} // namespace storage::lmdb
