#include "storage/postgres/alarm.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace storage::postgres {

Alarm::Alarm() : descriptor_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)} {
    if (descriptor_ < 0) throw std::system_error{errno, std::generic_category(), "eventfd"};
}

Alarm::~Alarm() {
    ::close(descriptor_);
}

void Alarm::ring() {
    const std::scoped_lock lock{mutex_};
    if (is_in_call_) ::eventfd_write(descriptor_, 1);
}

void Alarm::begin() {
    const std::scoped_lock lock{mutex_};
    is_in_call_ = true;
    eventfd_t count = 0;
    ::eventfd_read(descriptor_, &count); // nothing, if nothing rang
}

void Alarm::end() {
    const std::scoped_lock lock{mutex_};
    is_in_call_ = false;
}

} // namespace storage::postgres
