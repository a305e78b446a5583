// What the system tells this process of its disks' room; included once in a program, whose libraries then call this.
#pragma once

#include <sys/statvfs.h>

#include <atomic>
#include <cstdint>

namespace support {

inline constexpr std::uint64_t mebibyte = 1024 * 1024;
inline std::atomic<std::int64_t> mebibytes_left = -1; // of a disk of 1 TiB; below 0: what is really there

} // namespace support

// By the name that libraries call it by.
extern "C" int room_of_disk(const char* path, struct statvfs64* told) noexcept __asm__("statvfs");

extern "C" int room_of_disk(const char* path, struct statvfs64* told) noexcept {
    const int result = ::statvfs64(path, told);
    if (result != 0 || support::mebibytes_left < 0) return result;
    told->f_frsize = support::mebibyte;
    told->f_blocks = 1024 * 1024;
    told->f_bavail = told->f_bfree = static_cast<fsblkcnt_t>(support::mebibytes_left.load());
    return 0;
}
