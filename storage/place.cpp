#include "storage/place.hpp"

#include "storage/disk.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <string>

namespace storage {

namespace {

namespace fs = std::filesystem;
using Kind = StorageError::Kind;

std::unexpected<StorageError> failure(Kind kind, const fs::path& path, std::string_view what) {
    std::string detail = path.native();
    detail.append(": ").append(what);
    return std::unexpected(StorageError{.kind = kind, .detail = std::move(detail)});
}

// One name for the file, whatever links lead there.
Result<fs::path> find(const fs::path& given) {
    std::error_code error;
    fs::path path = fs::weakly_canonical(fs::absolute(given), error);
    if (error) return unusable(given, error);
    const fs::path folder = path.parent_path();
    const auto status = fs::status(folder, error);
    if (status.type() == fs::file_type::not_found) return unusable(folder, "no such folder");
    if (!fs::status_known(status)) return unusable(folder, error);
    if (!fs::is_directory(status)) return unusable(folder, "not a folder");
    if (fs::is_symlink(fs::symlink_status(path, error))) return unusable(path, "a link that leads nowhere");
    return path;
}

// Nothing, for what is missing or empty: a store is to be made there.
Result<bool> is_there(const fs::path& path, bool is_folder) {
    std::error_code error;
    const auto status = fs::status(path, error);
    if (!fs::exists(status) && fs::status_known(status)) return false;
    if (!fs::status_known(status)) return unusable(path, error);
    if (is_folder && !fs::is_directory(status)) return unusable(path, "is not a directory");
    if (!is_folder && fs::is_directory(status)) return unusable(path, "is a directory");
    if (!is_folder && !fs::is_regular_file(status)) return unusable(path, "not a regular file");
    const bool is_empty = fs::is_empty(path, error);
    if (error) return unusable(path, error);
    return !is_empty;
}

} // namespace

Result<FileLock> FileLock::take(const std::filesystem::path& file) {
    const int descriptor = open_file(file, O_RDWR | O_CREAT | O_NOFOLLOW);
    if (descriptor < 0) return unusable(file, last_error());
    FileLock lock{descriptor};
    if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK) return unusable(file, last_error());
    return failure(Kind::in_use, file, "held by another role: stop that one, or name another database_path");
}

void FileLock::release() {
    if (const int descriptor = std::exchange(descriptor_, -1); descriptor >= 0) ::close(descriptor);
}

Result<Place> claim(const fs::path& path, const PlaceRules& rules) {
    auto found = find(path);
    if (!found) return std::unexpected(found.error());
    const fs::path lock_file = beside(*found, ".lock");

    // Beside what is foreign not even a lock is left. Where there is one already, only who holds it may look: this
    // process may have the store open.
    if (std::error_code error; !fs::exists(lock_file, error)) {
        const auto there = is_there(*found, rules.is_folder);
        if (!there) return std::unexpected(there.error());
        if (*there)
            if (const auto ours = rules.inspect(*found); !ours) return std::unexpected(ours.error());
    }
    auto lock = FileLock::take(lock_file);
    if (!lock) return std::unexpected(lock.error());
    const auto there = is_there(*found, rules.is_folder);
    if (!there) return std::unexpected(there.error());
    if (const auto ours = *there ? rules.inspect(*found) : rules.make(*found); !ours)
        return std::unexpected(ours.error());
    return Place{.path = *std::move(found), .lock = *std::move(lock)};
}

std::unexpected<StorageError> unusable(const fs::path& path, std::string_view what) {
    return failure(Kind::unusable, path, what);
}

std::unexpected<StorageError> unusable(const fs::path& path, const std::error_code& why) {
    std::string what = why.message();
    what.append(advice_on(why));
    return unusable(path, what);
}

std::string_view advice_on(const std::error_code& why) {
    if (is_lack_of_space(why)) return make_room;
    switch (why.value()) { // errno's, in either category
    case EROFS: return "; mount its file system writable, or name another database_path";
    case EACCES:
    case EPERM: return "; let the role's user read and write it and its folder, or name another database_path";
    default: return {};
    }
}

std::unexpected<StorageError> foreign(const fs::path& path, std::string_view what) {
    std::string detail{what};
    detail.append(": name another database_path, this one is left as it is");
    return failure(Kind::foreign, path, detail);
}

Result<void> check_version(const fs::path& path, std::uint32_t found, std::uint32_t ours) {
    if (found == ours) return {};
    std::string what{"has schema version "};
    what.append(std::to_string(found)).append("; this program reads and writes ").append(std::to_string(ours));
    what.append(": run the version that wrote it, or name another database_path, this one is left as it is");
    return failure(found > ours ? Kind::newer_schema : Kind::older_schema, path, what);
}

std::error_code last_error() {
    return {errno, std::generic_category()};
}

fs::path beside(const fs::path& path, std::string_view ending) {
    fs::path other = path;
    return other += ending;
}

int open_file(const fs::path& path, int flags) {
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-vararg): POSIX offers no other way.
    return ::open(path.c_str(), flags | O_CLOEXEC, 0600);
}

Result<void> sync_folder(const fs::path& folder) {
    const int descriptor = open_file(folder, O_RDONLY | O_DIRECTORY);
    if (descriptor < 0) return unusable(folder, last_error());
    const bool synced = ::fsync(descriptor) == 0;
    const std::error_code error = last_error();
    ::close(descriptor);
    if (!synced) return unusable(folder, error);
    return {};
}

Result<void> put_in_place(const fs::path& draft, const fs::path& path) {
    std::error_code error;
    fs::rename(draft, path, error);
    if (error) return unusable(path, error);
    return sync_folder(path.parent_path());
}

} // namespace storage
