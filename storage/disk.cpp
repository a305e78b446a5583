#include "storage/disk.hpp"

#include <algorithm>
#include <cerrno>

namespace storage {

namespace {

// The word comes while there are so many reserves left, or this part of the disk if that is less; and goes when there
// is some more than that, so that it does not come and go with each file.
constexpr std::uintmax_t reserves_of_warning = 4;
constexpr std::uintmax_t parts_of_warning = 4;

std::string mebibytes(std::uintmax_t bytes) {
    return std::to_string(bytes >> 20U) + " MiB";
}

} // namespace

bool is_lack_of_space(const std::error_code& why) { // errno's, in either category
    return why.value() == ENOSPC || why.value() == EDQUOT || why.value() == EFBIG;
}

std::optional<Disk::Room> Disk::room() const {
    std::error_code error;
    const auto space = std::filesystem::space(path_, error);
    if (error) return std::nullopt;
    return Room{.available = space.available,
                .capacity = space.capacity,
                .reserve = std::min(reserve_.bytes, space.capacity / reserve_.parts_of_small_disk)};
}

std::optional<Disk::Room> Disk::watch(std::uintmax_t next) {
    const auto found = room();
    if (!found) return std::nullopt;
    const std::uintmax_t early = std::min(found->reserve * reserves_of_warning, found->capacity / parts_of_warning);
    const std::uintmax_t scarce = std::max(early, found->reserve + next);
    const std::scoped_lock lock{mutex_};
    if (found->available >= scarce + (warning_.empty() ? 0 : scarce / 4)) {
        warning_.clear();
    } else {
        warning_ = path_.native();
        warning_.append(": its disk has ").append(mebibytes(found->available));
        warning_.append(" left; when it has only ").append(mebibytes(found->reserve));
        warning_.append(" left, no records are taken any more: make room");
    }
    return found;
}

std::string Disk::warning() const {
    const std::scoped_lock lock{mutex_};
    return warning_;
}

} // namespace storage
