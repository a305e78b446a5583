#include "storage/rocksdb/rocksdb_engine.hpp"

#include "storage/keyed/keyed_engine.hpp"
#include "storage/keyed/keys.hpp"
#include "storage/place.hpp"
#include "storage/rocksdb/database.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>

namespace storage {

namespace {

namespace fs = std::filesystem;
using Kind = StorageError::Kind;

// A file of ours in the directory, which RocksDB does not look at: opening what is another program's would change it.
constexpr std::string_view mark_name = "storage-sv2";
constexpr std::string_view mark_text = "a store of storage-sv2, schema version ";

fs::path mark_in(const fs::path& folder) {
    return folder / mark_name;
}

Result<void> write_mark(const fs::path& folder) {
    std::string text{mark_text};
    text.append(std::to_string(keyed::schema_version)).append("\n");
    const fs::path mark = mark_in(folder);
    const int descriptor = open_file(mark, O_WRONLY | O_CREAT | O_EXCL);
    if (descriptor < 0) return unusable(mark, last_error());
    const bool is_written =
        ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(descriptor) == 0;
    const std::error_code error = last_error();
    ::close(descriptor);
    if (!is_written) return unusable(mark, error);
    return {};
}

// At least one log is always there, even of a store that was closed in order; those that were written to the end are
// known to RocksDB.
bool has_log(const fs::path& folder, std::error_code& error) {
    for (fs::directory_iterator each{folder, error}; !error && each != fs::directory_iterator{}; each.increment(error))
        if (each->path().extension() == ".log") return true;
    return false;
}

Result<void> inspect(const fs::path& folder) {
    const fs::path mark = mark_in(folder);
    const int descriptor = open_file(mark, O_RDONLY);
    if (descriptor < 0) {
        const std::error_code error = last_error();
        if (error == std::errc::no_such_file_or_directory) return foreign(folder, "of another program");
        return unusable(mark, error);
    }
    std::array<char, 100> bytes{};
    const ssize_t size = ::read(descriptor, bytes.data(), bytes.size());
    const std::error_code error = last_error();
    ::close(descriptor);
    if (size < 0) return unusable(mark, error);
    std::string_view text{bytes.data(), static_cast<std::size_t>(size)};
    std::uint32_t version = 0;
    if (!text.starts_with(mark_text)) return foreign(mark, "is not the mark of a store");
    text.remove_prefix(mark_text.size());
    if (std::from_chars(text.data(), text.data() + text.size(), version).ec != std::errc{})
        return foreign(mark, "is not the mark of a store");
    if (auto fine = check_version(folder, version, keyed::schema_version); !fine) return fine;
    std::error_code listing;
    if (has_log(folder, listing)) return {};
    if (listing) return unusable(folder, listing);
    std::string detail = folder.native();
    detail.append(": its write-ahead log is missing (a file whose name ends with .log), and with it the last records; "
                  "bring it back, or the whole directory, from a backup");
    return std::unexpected(StorageError{.kind = Kind::corrupt, .detail = std::move(detail)});
}

Result<void> make(const fs::path& folder) {
    const fs::path draft = beside(folder, ".new");
    std::error_code error;
    if (fs::exists(draft, error) && !fs::is_empty(draft, error) && !fs::exists(mark_in(draft), error))
        return unusable(draft, "is in the way, and no store in the making: move it away");
    fs::remove_all(draft, error);
    if (error) return unusable(draft, error);
    fs::create_directory(draft, error);
    if (error) return unusable(draft, error);
    fs::permissions(draft, fs::perms::owner_all, error);
    if (error) return unusable(draft, error);
    if (auto done = write_mark(draft); !done) return done;
    const auto first = keyed::first_batch();
    if (!first) return std::unexpected(first.error());
    if (auto done = rocksdb::Database::make(draft, *first); !done) return done;
    if (auto done = sync_folder(draft); !done) return done;
    return put_in_place(draft, folder);
}

} // namespace

Result<std::unique_ptr<keyed::KeyValues>> open_rocksdb_values(const fs::path& folder) {
    auto place = claim(folder, {.is_folder = true, .inspect = inspect, .make = make});
    if (!place) return std::unexpected(place.error());
    return rocksdb::Database::open(*std::move(place));
}

Result<std::unique_ptr<Engine>> open_rocksdb(const fs::path& folder) {
    auto values = open_rocksdb_values(folder);
    if (!values) return std::unexpected(values.error());
    return std::make_unique<keyed::KeyedEngine>(*std::move(values));
}

} // namespace storage
