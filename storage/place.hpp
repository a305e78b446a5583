// Where a store lies on a disk: found, held against other roles, known to be one of ours.
#pragma once

#include "storage/error.hpp"

#include <cstdint>
#include <expected>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

namespace storage {

// Held until it goes, however the process ends.
class FileLock {
  public:
    // Makes the file if it is missing; nobody removes it.
    static Result<FileLock> take(const std::filesystem::path& file);
    FileLock(FileLock&& other) noexcept : descriptor_{std::exchange(other.descriptor_, -1)} {}
    FileLock& operator=(FileLock&&) = delete;
    FileLock(const FileLock&) = delete;
    FileLock& operator=(const FileLock&) = delete;
    ~FileLock() { release(); }

    void release();

  private:
    explicit FileLock(int descriptor) : descriptor_{descriptor} {}

    int descriptor_;
};

struct Place {
    std::filesystem::path path; // the same for every name of it
    FileLock lock;              // on a file beside it
};

// What an engine's stores look like from outside.
struct PlaceRules {
    bool is_folder = false;
    // That it is a whole store of ours and of this version; changes nothing. Only asked while this process does not
    // have it open.
    Result<void> (*inspect)(const std::filesystem::path& path) = nullptr;
    // Makes an empty store there, whole or not at all.
    Result<void> (*make)(const std::filesystem::path& path) = nullptr;
};

// The store's place, made if it is missing or empty, in a folder that exists. What is no store of ours is not touched.
Result<Place> claim(const std::filesystem::path& path, const PlaceRules& rules);

// For those who write rules.
std::unexpected<StorageError> unusable(const std::filesystem::path& path, std::string_view what);
std::unexpected<StorageError> unusable(const std::filesystem::path& path, const std::error_code& why);
std::unexpected<StorageError> foreign(const std::filesystem::path& path, std::string_view what);
Result<void> check_version(const std::filesystem::path& path, std::uint32_t found, std::uint32_t ours);
// What a person can do about it, to be said behind it; empty if that is plain.
std::string_view advice_on(const std::error_code& why);
std::error_code last_error(); // errno
std::filesystem::path beside(const std::filesystem::path& path, std::string_view ending);
int open_file(const std::filesystem::path& path, int flags);
// A file just made, or renamed, is not safe before its folder is.
Result<void> sync_folder(const std::filesystem::path& folder);
// What was made beside its place is renamed into it: there is never half a store.
Result<void> put_in_place(const std::filesystem::path& draft, const std::filesystem::path& path);

} // namespace storage
