// The file of a store: found, held against other roles, known to be one of ours.
#pragma once

#include "storage/error.hpp"

#include <filesystem>
#include <utility>

namespace storage::sqlite {

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

struct StoreFile {
    std::filesystem::path path; // the same for every name of the file
    FileLock lock;
};

// The store's file, made if it is missing or empty, in a folder that exists. What is no store of ours is not touched.
Result<StoreFile> claim(const std::filesystem::path& file);

} // namespace storage::sqlite
