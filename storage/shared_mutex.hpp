// A std::shared_mutex whose writer is not starved: glibc's lets readers in for as long as one of them is inside.
#pragma once

#include <mutex>
#include <shared_mutex>

namespace storage {

class SharedMutex {
  public:
    void lock() {
        const std::lock_guard turn{turn_}; // whoever reads next waits behind the writer
        mutex_.lock();
    }
    void unlock() { mutex_.unlock(); }

    void lock_shared() {
        const std::lock_guard turn{turn_};
        mutex_.lock_shared();
    }
    void unlock_shared() { mutex_.unlock_shared(); }

  private:
    std::mutex turn_;
    std::shared_mutex mutex_;
};

} // namespace storage
