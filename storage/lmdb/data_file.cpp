#include "storage/lmdb/data_file.hpp"

#include "storage/place.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

namespace storage::lmdb {

namespace {

namespace fs = std::filesystem;
using Kind = StorageError::Kind;

// LMDB's file begins with two pages that describe it, of which the one of the newer transaction holds. Numbers are
// those of the machine.
struct Description {
    bool is_there = false;
    std::uint32_t page_size = 0;
    std::uint64_t last_page = 0;
    std::uint64_t transaction = 0;
};
constexpr std::size_t description_size = 152;

template <class Integer> Integer integer(const char* at) {
    Integer number = 0;
    std::memcpy(&number, at, sizeof number);
    return number;
}

Description description(int descriptor, std::uint64_t offset) {
    std::array<char, description_size> page{};
    if (::pread(descriptor, page.data(), page.size(), static_cast<off_t>(offset)) != static_cast<ssize_t>(page.size()))
        return {};
    constexpr std::uint32_t magic = 0xbeefc0de;
    if (integer<std::uint32_t>(page.data() + 16) != magic) return {};
    return {.is_there = true,
            .page_size = integer<std::uint32_t>(page.data() + 40),
            .last_page = integer<std::uint64_t>(page.data() + 136),
            .transaction = integer<std::uint64_t>(page.data() + 144)};
}

Description newest(int descriptor) {
    constexpr std::uint64_t usual_page = 4096;
    const Description first = description(descriptor, 0);
    const Description second = description(descriptor, first.is_there ? first.page_size : usual_page);
    if (!first.is_there || !second.is_there) {
        Description none = first.is_there ? first : second;
        none.last_page = 0;
        none.page_size = 0; // half a description
        return none;
    }
    return first.transaction > second.transaction ? first : second;
}

std::unexpected<StorageError> corrupt(const fs::path& file, std::string_view what) {
    std::string detail = file.native();
    detail.append(": ").append(what).append("; bring the whole file back from a backup");
    return std::unexpected(StorageError{.kind = Kind::corrupt, .detail = std::move(detail)});
}

std::unexpected<StorageError> full(const fs::path& file, std::uintmax_t wanted, std::string_view why) {
    std::string detail = file.native();
    detail.append(": cannot grow to ").append(std::to_string(wanted >> 20U)).append(" MiB: ");
    detail.append(why).append(make_room);
    return std::unexpected(StorageError{.kind = Kind::full, .detail = std::move(detail)});
}

} // namespace

Result<void> check_length(const fs::path& file) {
    const int descriptor = open_file(file, O_RDONLY);
    if (descriptor < 0) return unusable(file, last_error());
    const Description found = newest(descriptor);
    ::close(descriptor);
    if (!found.is_there) return foreign(file, "of another program");
    if (found.page_size == 0) return corrupt(file, "its beginning is damaged");
    const auto size = size_of(file);
    if (!size) return std::unexpected(size.error());
    const std::uint64_t used = (found.last_page + 1) * found.page_size;
    if (*size >= used) return {};
    std::string what{"it was cut short: "};
    what.append(std::to_string(*size)).append(" bytes are there of ").append(std::to_string(used));
    return corrupt(file, what);
}

Result<std::uint64_t> size_of(const fs::path& file) {
    std::error_code error;
    const auto size = fs::file_size(file, error);
    if (error) return unusable(file, error);
    return size;
}

Result<void> lengthen(const fs::path& file, std::uint64_t size, const Disk& disk, bool brings_records) {
    const auto before = size_of(file);
    if (!before) return std::unexpected(before.error());
    const auto room = disk.room();
    if (room && *before < size && !room->has(size - *before, brings_records)) {
        std::string why{"its disk has "};
        why.append(std::to_string(room->available >> 20U)).append(" MiB left, of which ");
        why.append(std::to_string(room->kept(brings_records) >> 20U)).append(" are left to others");
        return full(file, size, why);
    }
    const int descriptor = open_file(file, O_RDWR);
    if (descriptor < 0) return unusable(file, last_error());
    const int failure = ::posix_fallocate(descriptor, 0, static_cast<off_t>(size));
    const bool is_synced = failure != 0 || ::fsync(descriptor) == 0;
    ::close(descriptor);
    if (failure != 0) return full(file, size, std::generic_category().message(failure));
    if (is_synced) return {};
    return std::unexpected(StorageError{.kind = Kind::poisoned, .detail = file.native() + ": it cannot be synced"});
}

} // namespace storage::lmdb
