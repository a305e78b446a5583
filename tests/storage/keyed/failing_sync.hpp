// The n-th call with which this process syncs a file fails; included once in a program, whose libraries then call
// these.
#pragma once

#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace support {

inline std::atomic<int> syncs_until_failure = -1; // none fails below 0
inline std::atomic<int> syncs = 0;

inline int sync_or_fail(long call, int file) {
    ++syncs;
    if (syncs_until_failure >= 0 && syncs_until_failure-- == 0) {
        errno = EIO;
        return -1;
    }
    return static_cast<int>(syscall(call, file));
}

} // namespace support

extern "C" int fdatasync(int file) {
    return support::sync_or_fail(SYS_fdatasync, file);
}

extern "C" int fsync(int file) {
    return support::sync_or_fail(SYS_fsync, file);
}
