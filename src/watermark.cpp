#include "src/watermark.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <sstream>
#include <system_error>
#include <utility>

namespace role {

namespace {

constexpr std::size_t slot_size = 512;
constexpr std::size_t slots = 2;
constexpr std::string_view name_start = "watermark-";
constexpr std::size_t name_size = name_start.size() + 16;
constexpr std::string_view line_start = "storage-sv2 watermark 1";

template <std::size_t size> std::string hex(const std::array<std::uint8_t, size>& bytes) {
    std::array<char, 2 * size + 1> text{};
    sodium_bin2hex(text.data(), text.size(), bytes.data(), bytes.size());
    return text.data();
}

std::string slot_text(std::uint64_t number, const storage::Mark& mark) {
    const std::string said = fmt::format("{} {} {:016x} {} {} {}", line_start, number, mark.data_set.id,
                                         mark.data_set.generation, mark.position, hex(mark.chain));
    std::array<std::uint8_t, crypto_generichash_BYTES> checksum{};
    crypto_generichash(checksum.data(), checksum.size(), reinterpret_cast<const unsigned char*>(said.data()),
                       said.size(), nullptr, 0);
    return fmt::format("{:<{}}\n", said + " " + hex(checksum), slot_size - 1);
}

off_t place_of(std::uint64_t number) {
    return static_cast<off_t>((number + 1) % slots * slot_size);
}

struct Slot {
    std::uint64_t number = 0;
    storage::Mark mark;
};

template <class Number> bool take(std::istream& words, Number& number, int base = 10) {
    std::string word;
    words >> word;
    const auto* const end = word.data() + word.size();
    return std::from_chars(word.data(), end, number, base) == std::from_chars_result{end, std::errc{}};
}

// Nothing if it is not what slot_text() makes.
std::optional<Slot> read_slot(std::string_view text) {
    if (!text.starts_with(line_start)) return std::nullopt;
    std::istringstream words{std::string{text.substr(line_start.size())}};
    Slot slot;
    std::string chain;
    if (!take(words, slot.number) || !take(words, slot.mark.data_set.id, 16) ||
        !take(words, slot.mark.data_set.generation) || !take(words, slot.mark.position) || !(words >> chain))
        return std::nullopt;
    sodium_hex2bin(slot.mark.chain.data(), slot.mark.chain.size(), chain.data(), chain.size(), nullptr, nullptr,
                   nullptr);
    if (slot_text(slot.number, slot.mark) != text) return std::nullopt;
    return slot;
}

std::unexpected<Watermark::Error> cannot_be_read(const std::filesystem::path& file, int error) {
    return std::unexpected(fmt::format("{} cannot be read: {}", file.string(), std::generic_category().message(error)));
}

} // namespace

std::expected<Watermark, Watermark::Error> Watermark::open(const std::filesystem::path& state_directory,
                                                           std::uint64_t data_set,
                                                           std::shared_ptr<spdlog::logger> log) {
    auto file = state_directory / fmt::format("{}{:016x}", name_start, data_set);
    Descriptor descriptor{
        ::open(file.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, S_IRUSR | S_IWUSR)};
    if (descriptor.get() < 0) return cannot_be_read(file, errno);
    Watermark watermark{std::move(file), std::move(descriptor), std::move(log)};
    if (const auto read = watermark.read(data_set); !read) return std::unexpected(read.error());
    return watermark;
}

std::expected<void, Watermark::Error> Watermark::read(std::uint64_t data_set) {
    struct stat status{};
    if (::fstat(descriptor_.get(), &status) != 0) return cannot_be_read(file_, errno);
    if (!S_ISREG(status.st_mode)) return std::unexpected(fmt::format("{} is no regular file", file_.string()));
    std::array<char, slots * slot_size> content{};
    const ssize_t size = ::pread(descriptor_.get(), content.data(), content.size(), 0);
    if (size < 0) return cannot_be_read(file_, errno);
    if (size == 0) return {};
    for (std::size_t i = 0; i < slots; ++i) {
        const auto slot = read_slot({content.data() + i * slot_size, slot_size});
        if (!slot || slot->mark.data_set.id != data_set || slot->number <= writes_) continue;
        writes_ = slot->number;
        found_ = slot->mark;
    }
    if (!found_)
        return std::unexpected(
            fmt::format("{} holds no whole watermark of data set {:016x}", file_.string(), data_set));
    return {};
}

void Watermark::write(const storage::Mark& mark) {
    const std::uint64_t next = writes_ + 1;
    int error = 0;
    if (writes_ == 0) { // both, and for good: from now on the file needs no more room
        error = put(slot_text(next, mark) + slot_text(next + 1, mark), place_of(next));
        if (error == 0 && ::fsync(descriptor_.get()) != 0) error = errno;
    } else {
        error = put(slot_text(next, mark), place_of(next));
    }
    if (error == 0) writes_ = writes_ == 0 ? slots : next;
    const bool was_failing = std::exchange(is_failing_, error != 0);
    if (error != 0 && !was_failing)
        log_->error("{} cannot be written: {}; what the store loses from position {} on may go unnoticed at the next "
                    "start",
                    file_.string(), std::generic_category().message(error), mark.position);
    if (error == 0 && was_failing) log_->info("{} is written again", file_.string());
}

int Watermark::put(std::string_view text, off_t offset) const {
    const ssize_t written = ::pwrite(descriptor_.get(), text.data(), text.size(), offset);
    if (written == static_cast<ssize_t>(text.size())) return 0;
    return written < 0 ? errno : ENOSPC;
}

std::vector<std::filesystem::path> other_watermarks(const Watermark& watermark) {
    std::vector<std::filesystem::path> others;
    for (const auto& entry : std::filesystem::directory_iterator{watermark.file().parent_path()}) {
        const std::string name = entry.path().filename().string();
        if (name.starts_with(name_start) && name.size() == name_size && name != watermark.file().filename().string())
            others.push_back(entry.path());
    }
    std::ranges::sort(others);
    return others;
}

} // namespace role
