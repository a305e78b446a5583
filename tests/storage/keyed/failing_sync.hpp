// The n-th call with which this thread syncs a file fails, or the n-th with which it writes to one, for want of space;
// included once in a program, whose libraries then call these. A library's own threads sync when they like.
#pragma once

#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>

namespace support {

inline thread_local int syncs_until_failure = -1; // none fails below 0
inline thread_local int syncs = 0;

inline int sync_or_fail(long call, int file) {
    ++syncs;
    if (syncs_until_failure >= 0 && syncs_until_failure-- == 0) {
        errno = EIO;
        return -1;
    }
    return static_cast<int>(syscall(call, file));
}

inline thread_local int writes_until_failure = -1; // as above

inline ssize_t write_or_fail(auto... call) {
    if (writes_until_failure >= 0 && writes_until_failure-- == 0) {
        errno = ENOSPC;
        return -1;
    }
    return syscall(call...);
}

// By the names that libraries call them by.
extern "C" ssize_t write_counted(int file, const void* bytes, std::size_t size) __asm__("write");
extern "C" ssize_t pwrite_counted(int file, const void* bytes, std::size_t size, off_t place) __asm__("pwrite");
extern "C" ssize_t writev_counted(int file, const iovec* parts, int count) __asm__("writev");

extern "C" ssize_t write_counted(int file, const void* bytes, std::size_t size) {
    return write_or_fail(SYS_write, file, bytes, size);
}

extern "C" ssize_t pwrite_counted(int file, const void* bytes, std::size_t size, off_t place) {
    return write_or_fail(SYS_pwrite64, file, bytes, size, place);
}

extern "C" ssize_t writev_counted(int file, const iovec* parts, int count) {
    return write_or_fail(SYS_writev, file, parts, count);
}

} // namespace support

extern "C" int fdatasync(int file) {
    return support::sync_or_fail(SYS_fdatasync, file);
}

extern "C" int fsync(int file) {
    return support::sync_or_fail(SYS_fsync, file);
}
