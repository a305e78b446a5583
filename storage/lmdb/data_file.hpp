// The file of a store as the file system sees it.
#pragma once

#include "storage/disk.hpp"
#include "storage/error.hpp"

#include <cstdint>
#include <filesystem>

namespace storage::lmdb {

// That it is a file of LMDB, and as long as LMDB says: what is missing at its end would end the process when it is
// read.
Result<void> check_length(const std::filesystem::path& file);

Result<std::uint64_t> size_of(const std::filesystem::path& file);

// Left to others on the disk.
inline constexpr Disk::Reserve reserve{.bytes = std::uintmax_t{64} << 20U, .parts_of_small_disk = 16};

// Has the file at least `size` bytes on its disk, and them durable. `full` if the disk has not enough room for that,
// and some to spare; nothing has changed then.
Result<void> lengthen(const std::filesystem::path& file, std::uint64_t size, const Disk& disk, bool brings_records);

} // namespace storage::lmdb
