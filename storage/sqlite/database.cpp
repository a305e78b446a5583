#include "storage/sqlite/database.hpp"

#include "storage/disk.hpp"
#include "storage/place.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

namespace storage::sqlite {

namespace {

using Kind = StorageError::Kind;

std::error_code as_error(int system_error) {
    return {system_error, std::generic_category()};
}

Kind kind_of_write_error(int code, int system_error) {
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
    case SQLITE_INTERRUPT: return Kind::unavailable;
    case SQLITE_FULL: return Kind::full;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return Kind::corrupt;
    case SQLITE_NOMEM: return Kind::unknown; // a commit may lie in the journal without its entry in the index
    case SQLITE_CANTOPEN:
    case SQLITE_PERM: return Kind::unusable;
    default: break;
    }
    if (code == SQLITE_IOERR_WRITE && is_lack_of_space(as_error(system_error))) return Kind::full;
    if (code == SQLITE_IOERR_SHMSIZE || code == SQLITE_IOERR_NOMEM) return Kind::unknown; // as above
    return Kind::poisoned;
}

Kind kind_of_read_error(int code) {
    switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR: // a table is missing
    case SQLITE_MISMATCH: return Kind::corrupt;
    default: return Kind::unavailable;
    }
}

Kind kind_of(Use use, int code, int system_error) {
    switch (use) {
    case Use::read: return kind_of_read_error(code);
    case Use::write:
    case Use::create: break;
    }
    return kind_of_write_error(code, system_error);
}

// Whether the system has more to say about it.
bool tells_system_error(int code) {
    return (code & 0xff) == SQLITE_IOERR || (code & 0xff) == SQLITE_CANTOPEN;
}

// What a person can do about it.
std::string_view advice_on(Use use, Kind kind, int code, int system_error) {
    if (kind == Kind::poisoned && use == Use::write) return "; nothing is stored until the role is started again";
    if (kind == Kind::corrupt) return "; the file is damaged: move it and its -wal away, and bring back a backup";
    if (kind == Kind::full) return make_room;
    if ((code & 0xff) == SQLITE_BUSY) return "; another program has it locked: end what that does with it";
    return tells_system_error(code) ? storage::advice_on(as_error(system_error)) : std::string_view{};
}

int flags_of(Use use) {
    constexpr int common = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
    switch (use) {
    case Use::read: return common | SQLITE_OPEN_READONLY;
    case Use::write: return common | SQLITE_OPEN_READWRITE;
    case Use::create: return common | SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    }
    std::unreachable();
}

// What the system said when a write to one of SQLite's files failed. Its own sqlite3_system_errno() knows nothing of
// commits.
int last_error_of(sqlite3* handle, int which) {
    sqlite3_file* file = nullptr;
    sqlite3_file_control(handle, "main", which, static_cast<void*>(&file));
    int error = 0;
    if (file != nullptr && file->pMethods != nullptr)
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &error);
    return error;
}

int mode_of(Checkpoint how) {
    switch (how) {
    case Checkpoint::passive: return SQLITE_CHECKPOINT_PASSIVE;
    case Checkpoint::restart: return SQLITE_CHECKPOINT_RESTART;
    case Checkpoint::truncate: return SQLITE_CHECKPOINT_TRUNCATE;
    }
    std::unreachable();
}

} // namespace

Result<std::unique_ptr<Database>> Database::open(const std::filesystem::path& file, Use use) {
    std::unique_ptr<Database> database{new Database{file, use}};
    sqlite3* handle = nullptr;
    const int code = sqlite3_open_v2(file.c_str(), &handle, flags_of(use), nullptr);
    database->handle_.reset(handle);
    if (handle == nullptr)
        return std::unexpected(StorageError{.kind = Kind::unusable, .detail = "no memory for SQLite"});
    if (code != SQLITE_OK) {
        StorageError error = database->error(code, sqlite3_system_errno(handle));
        error.kind = Kind::unusable;
        return std::unexpected(std::move(error));
    }
    database->set_patience(patience_ms);
    // In the place of automatic checkpoints: one that fails would look like a commit that failed.
    sqlite3_wal_hook(
        handle,
        [](void* self, sqlite3*, const char*, int pages) {
            static_cast<Database*>(self)->journal_pages_ = pages;
            return SQLITE_OK;
        },
        database.get());
    if (auto done = database->execute("PRAGMA temp_store = MEMORY; PRAGMA trusted_schema = OFF"); !done)
        return std::unexpected(done.error());
    return database;
}

Database::~Database() = default;

StorageError Database::error(int code) const {
    int system_error = sqlite3_system_errno(handle_.get());
    if (code == SQLITE_IOERR_WRITE) {
        system_error = last_error_of(handle_.get(), SQLITE_FCNTL_JOURNAL_POINTER);
        if (system_error == 0 && use_ == Use::create)
            system_error = last_error_of(handle_.get(), SQLITE_FCNTL_FILE_POINTER);
    }
    return error(code, system_error);
}

StorageError Database::error(int code, int system_error) const {
    std::string detail = file_.native();
    detail += ": ";
    detail += sqlite3_errmsg(handle_.get());
    detail += " (SQLite error ";
    detail += std::to_string(code);
    if (tells_system_error(code)) {
        detail += ", ";
        detail += as_error(system_error).message();
    }
    detail += ")";
    const Kind kind = kind_of(use_, code, system_error);
    detail += advice_on(use_, kind, code, system_error);
    return {.kind = kind, .detail = std::move(detail)};
}

Result<void> Database::execute(const char* sql) {
    const int code = sqlite3_exec(handle_.get(), sql, nullptr, nullptr, nullptr);
    if (code != SQLITE_OK) return std::unexpected(error(code));
    return {};
}

bool Database::is_read_only() const {
    return sqlite3_db_readonly(handle_.get(), "main") == 1;
}

bool Database::is_in_transaction() const {
    return sqlite3_get_autocommit(handle_.get()) == 0;
}

std::int64_t Database::changes() const {
    return sqlite3_changes64(handle_.get());
}

Result<void> Database::checkpoint(Checkpoint how) {
    const int code = sqlite3_wal_checkpoint_v2(handle_.get(), "main", mode_of(how), nullptr, nullptr);
    if (code == SQLITE_OK) return {};
    return std::unexpected(error(code, last_error_of(handle_.get(), SQLITE_FCNTL_FILE_POINTER))); // not the journal
}

void Database::set_patience(int milliseconds) {
    sqlite3_busy_timeout(handle_.get(), milliseconds);
}

void Database::leave_journal() {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): SQLite offers no other way.
    sqlite3_db_config(handle_.get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

void Database::interrupt() {
    sqlite3_interrupt(handle_.get());
}

Rows::~Rows() {
    if (statement_ == nullptr) return;
    if (sqlite3_stmt* const handle = statement_->handle_.get()) { // none if preparing it failed
        sqlite3_reset(handle);
        sqlite3_clear_bindings(handle);
    }
    statement_->first_failure_ = SQLITE_OK;
}

Result<bool> Rows::next() {
    const int failure = statement_->first_failure_;
    const int code = failure == SQLITE_OK ? sqlite3_step(statement_->handle_.get()) : failure;
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    return std::unexpected(statement_->database_.error(code));
}

std::uint64_t Rows::integer(int column) const {
    return static_cast<std::uint64_t>(sqlite3_column_int64(statement_->handle_.get(), column));
}

double Rows::real(int column) const {
    return sqlite3_column_double(statement_->handle_.get(), column);
}

std::string_view Rows::text(int column) const {
    sqlite3_stmt* const handle = statement_->handle_.get();
    const auto* const data = static_cast<const char*>(sqlite3_column_blob(handle, column));
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle, column))};
}

protocol::ByteView Rows::bytes(int column) const {
    sqlite3_stmt* const handle = statement_->handle_.get();
    const auto* const data = static_cast<const std::uint8_t*>(sqlite3_column_blob(handle, column));
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(handle, column))};
}

bool Rows::is_null(int column) const {
    return sqlite3_column_type(statement_->handle_.get(), column) == SQLITE_NULL;
}

void Statement::prepare() {
    if (handle_) return;
    sqlite3_stmt* handle = nullptr;
    keep(sqlite3_prepare_v3(database_.handle_.get(), sql_.c_str(), -1, SQLITE_PREPARE_PERSISTENT, &handle, nullptr));
    handle_.reset(handle);
}

void Statement::keep(int code) {
    if (first_failure_ == SQLITE_OK) first_failure_ = code;
}

void Statement::bind_integer(int parameter, std::int64_t value) {
    keep(sqlite3_bind_int64(handle_.get(), parameter, value));
}

void Statement::bind_null(int parameter) {
    keep(sqlite3_bind_null(handle_.get(), parameter));
}

void Statement::bind(int parameter, double value) {
    keep(sqlite3_bind_double(handle_.get(), parameter, value));
}

// A null pointer would be NULL: empty values get one that points somewhere.
void Statement::bind(int parameter, std::string_view value) {
    const char* const data = value.empty() ? "" : value.data();
    keep(sqlite3_bind_text64(handle_.get(), parameter, data, value.size(), SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::bind(int parameter, protocol::ByteView value) {
    const void* const data = value.empty() ? static_cast<const void*>("") : value.data();
    keep(sqlite3_bind_blob64(handle_.get(), parameter, data, value.size(), SQLITE_STATIC));
}

} // namespace storage::sqlite
