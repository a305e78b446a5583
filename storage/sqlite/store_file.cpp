#include "storage/sqlite/store_file.hpp"

#include "storage/sqlite/database.hpp"
#include "storage/sqlite/schema.hpp"

#include <fcntl.h>
#include <sodium.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace storage::sqlite {

namespace {

namespace fs = std::filesystem;
using Kind = StorageError::Kind;
using namespace std::string_view_literals;

std::unexpected<StorageError> unusable(const fs::path& path, std::string_view what) {
    return std::unexpected(StorageError{.kind = Kind::unusable, .detail = join({path.native(), ": ", what})});
}

std::unexpected<StorageError> unusable(const fs::path& path, const std::error_code& why) {
    return unusable(path, why.message());
}

std::error_code last_error() {
    return {errno, std::generic_category()};
}

fs::path beside(const fs::path& file, std::string_view ending) {
    fs::path path = file;
    return path += ending;
}

int open_file(const fs::path& path, int flags) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): POSIX offers no other way.
    return ::open(path.c_str(), flags | O_CLOEXEC, 0600);
}

// A file just made, or renamed, is not safe before its folder is.
Result<void> sync_folder(const fs::path& folder) {
    const int descriptor = open_file(folder, O_RDONLY | O_DIRECTORY);
    if (descriptor < 0) return unusable(folder, last_error());
    const bool synced = ::fsync(descriptor) == 0;
    const std::error_code error = last_error();
    ::close(descriptor);
    if (!synced) return unusable(folder, error);
    return {};
}

// At `offset` of SQLite's file header, whose integers are big-endian.
std::uint32_t integer(std::string_view header, std::size_t offset) {
    std::uint32_t value = 0;
    for (const char c : header.substr(offset, 4)) value = value << 8U | static_cast<unsigned char>(c);
    return value;
}

// That the file is a store of this version. Its header tells, and never changes; through SQLite, a look at a database
// of another program could change it. This process must not have the file open: closing it would end SQLite's locks.
Result<void> inspect(const fs::path& file) {
    std::array<char, 100> bytes{};
    const int descriptor = open_file(file, O_RDONLY);
    if (descriptor < 0) return unusable(file, last_error());
    const ssize_t size = ::pread(descriptor, bytes.data(), bytes.size(), 0);
    const std::error_code error = last_error();
    ::close(descriptor);
    if (size < 0) return unusable(file, error);

    const std::string_view header{bytes.data(), bytes.size()};
    if (!header.starts_with("SQLite format 3\0"sv) || integer(header, 68) != application_id)
        return std::unexpected(
            StorageError{.kind = Kind::foreign, .detail = join({file.native(), ": of another program"})});
    const std::uint32_t version = integer(header, 60);
    if (version == schema_version) return {};
    return std::unexpected(
        StorageError{.kind = version > schema_version ? Kind::newer_schema : Kind::older_schema,
                     .detail = join({file.native(), ": has schema version ", std::to_string(version),
                                     "; this program reads and writes ", std::to_string(schema_version)})});
}

Result<void> fill(const fs::path& file) {
    const auto database = Database::open(file, Use::create);
    if (!database) return std::unexpected(database.error());
    std::string header = "PRAGMA synchronous = FULL; BEGIN; PRAGMA application_id = ";
    header += std::to_string(application_id);
    header += "; PRAGMA user_version = ";
    header += std::to_string(schema_version);
    if (auto done = (*database)->execute(header.c_str()); !done) return done;
    if (auto done = (*database)->execute(schema().c_str()); !done) return done;

    if (::sodium_init() < 0) return unusable(file, "no source of randomness");
    std::uint64_t id = 0;
    while (id == 0) ::randombytes_buf(&id, sizeof id); // 0 is for clients that remember none
    std::array<std::uint8_t, 16> fingerprint_key{};
    ::randombytes_buf(fingerprint_key.data(), fingerprint_key.size());
    const std::array<std::uint8_t, 32> chain{};
    Statement data_set{**database, "INSERT INTO data_set VALUES (1, ?1, 1, ?2)"};
    if (auto done = data_set.execute(id, protocol::ByteView{fingerprint_key}); !done) return done;
    Statement head{**database, "INSERT INTO head VALUES (1, 0, 0, ?1, 0, ?1)"};
    if (auto done = head.execute(protocol::ByteView{chain}); !done) return done;
    return (*database)->execute("COMMIT");
}

// Made beside its place and renamed into it: there is never half a store.
Result<void> make(const fs::path& file) {
    for (const std::string_view ending : {"-wal", "-journal"})
        if (const fs::path journal = beside(file, ending); fs::exists(journal))
            return unusable(journal, "belongs to a database that is gone; bring that back, or move this away");

    const fs::path draft = beside(file, ".new");
    std::error_code error;
    for (const std::string_view ending : {"", "-journal"})
        if (fs::remove(beside(draft, ending), error); error) return unusable(draft, error);
    const int descriptor = open_file(draft, O_RDWR | O_CREAT | O_EXCL);
    if (descriptor < 0) return unusable(draft, last_error());
    ::close(descriptor);
    if (auto done = fill(draft); !done) return done;
    fs::rename(draft, file, error);
    if (error) return unusable(file, error);
    return sync_folder(file.parent_path());
}

// One name for the file, whatever links lead there.
Result<fs::path> find(const fs::path& file) {
    std::error_code error;
    fs::path path = fs::weakly_canonical(fs::absolute(file), error);
    if (error) return unusable(file, error);
    const fs::path folder = path.parent_path();
    const auto status = fs::status(folder, error);
    if (status.type() == fs::file_type::not_found) return unusable(folder, "no such folder");
    if (!fs::status_known(status)) return unusable(folder, error);
    if (!fs::is_directory(status)) return unusable(folder, "not a folder");
    if (fs::is_symlink(fs::symlink_status(path, error))) return unusable(path, "a link that leads nowhere");
    return path;
}

// Nothing, for a file that is missing or empty: a store is to be made there.
Result<bool> is_there(const fs::path& path) {
    std::error_code error;
    const auto status = fs::status(path, error);
    if (!fs::exists(status) && fs::status_known(status)) return false;
    if (!fs::status_known(status)) return unusable(path, error);
    if (fs::is_directory(status)) return unusable(path, "is a directory");
    if (!fs::is_regular_file(status)) return unusable(path, "not a regular file");
    const auto size = fs::file_size(path, error);
    if (error) return unusable(path, error);
    return size > 0;
}

} // namespace

Result<FileLock> FileLock::take(const std::filesystem::path& file) {
    const int descriptor = open_file(file, O_RDWR | O_CREAT | O_NOFOLLOW);
    if (descriptor < 0) return unusable(file, last_error());
    FileLock lock{descriptor};
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK) return unusable(file, last_error());
    return std::unexpected(
        StorageError{.kind = Kind::in_use, .detail = join({file.native(), ": held by another role"})});
}

void FileLock::release() {
    if (const int descriptor = std::exchange(descriptor_, -1); descriptor >= 0) ::close(descriptor);
}

Result<StoreFile> claim(const std::filesystem::path& file) {
    auto path = find(file);
    if (!path) return std::unexpected(path.error());
    const fs::path lock_file = beside(*path, ".lock");

    // Beside a foreign file not even a lock is left. Where there is one already, only who holds it may look: this
    // process may have the file open.
    if (std::error_code error; !fs::exists(lock_file, error)) {
        const auto there = is_there(*path);
        if (!there) return std::unexpected(there.error());
        if (*there)
            if (const auto ours = inspect(*path); !ours) return std::unexpected(ours.error());
    }
    auto lock = FileLock::take(lock_file);
    if (!lock) return std::unexpected(lock.error());
    const auto there = is_there(*path);
    if (!there) return std::unexpected(there.error());
    if (const auto ours = *there ? inspect(*path) : make(*path); !ours) return std::unexpected(ours.error());
    return StoreFile{.path = *std::move(path), .lock = *std::move(lock)};
}

} // namespace storage::sqlite
