#include "clients/mock_pool/journal.hpp"

#include "protocol/codec.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>

namespace mock_pool {

namespace {

constexpr std::string_view magic = "mock-pool journal 1\n";

// The entry of that place in JournalEntry, which has it.
template <std::size_t index = 0> JournalEntry take_entry(std::size_t place, protocol::Reader& in) {
    if constexpr (index + 1 < std::variant_size_v<JournalEntry>)
        if (place != index) return take_entry<index + 1>(place, in);
    std::variant_alternative_t<index, JournalEntry> entry;
    protocol::get(in, entry);
    return entry;
}

std::unexpected<Journal::Error> failure(const std::filesystem::path& file, std::string_view what) {
    return std::unexpected(fmt::format("{}: {}", file.string(), what));
}

// How many of `bytes` are whole entries, which `visit` sees; nothing if some are no entry at all.
std::optional<std::size_t> visit_whole(protocol::ByteView bytes,
                                       const std::function<void(const JournalEntry&)>& visit) {
    protocol::Reader in{bytes};
    std::size_t whole = 0;
    while (!in.rest().empty()) {
        const auto place = static_cast<std::size_t>(in.take_integer<1>());
        if (place >= std::variant_size_v<JournalEntry>) return std::nullopt;
        const JournalEntry entry = take_entry(place, in);
        if (in.error() == protocol::DecodeError::truncated) break;
        if (in.error()) return std::nullopt;
        visit(entry);
        whole = bytes.size() - in.rest().size();
    }
    return whole;
}

} // namespace

std::expected<Journal, Journal::Error> Journal::open(const std::filesystem::path& file,
                                                     const std::function<void(const JournalEntry&)>& visit) {
    const auto reason = [] { return std::generic_category().message(errno); };
    Journal journal{::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR | S_IWUSR)};
    if (journal.file_ < 0) return failure(file, reason());
    if (::flock(journal.file_, LOCK_EX | LOCK_NB) != 0) return failure(file, "is in use by another mock-pool");

    protocol::Bytes buffer;
    std::size_t whole = 0; // bytes of the file that are whole entries
    bool has_magic = false;
    for (;;) {
        constexpr std::size_t step = std::size_t{1} << 22U;
        const std::size_t kept = buffer.size();
        buffer.resize(kept + step);
        const ssize_t size = ::read(journal.file_, buffer.data() + kept, step);
        if (size < 0) return failure(file, reason());
        buffer.resize(kept + static_cast<std::size_t>(size));
        if (!has_magic) {
            const std::size_t known = std::min(buffer.size(), magic.size());
            if (!std::equal(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(known), magic.begin()))
                return failure(file, "is no journal of a mock-pool");
            if (known < magic.size()) break; // new, or killed at its birth
            has_magic = true;
            buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(known));
            whole = known;
        }
        const auto visited = visit_whole(buffer, visit);
        if (!visited) return failure(file, "is damaged");
        buffer.erase(buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(*visited));
        whole += *visited;
        if (size == 0) break;
    }
    if (::ftruncate(journal.file_, static_cast<off_t>(whole)) != 0 ||
        ::lseek(journal.file_, static_cast<off_t>(whole), SEEK_SET) < 0)
        return failure(file, reason());
    if (!has_magic) journal.pending_.put_text(magic);
    return journal;
}

Journal Journal::temporary() {
    std::string name = (std::filesystem::temp_directory_path() / "mock-pool-XXXXXX").string();
    Journal journal{::mkostemp(name.data(), O_CLOEXEC)};
    if (journal.file_ < 0) throw std::system_error{errno, std::generic_category(), name};
    ::unlink(name.c_str());
    return journal;
}

Journal::Journal(Journal&& other) noexcept
    : file_{std::exchange(other.file_, -1)},
      pending_{std::move(other.pending_)} {}

Journal::~Journal() {
    if (file_ >= 0) ::close(file_);
}

void Journal::append(const JournalEntry& entry) {
    pending_.put_integer<1>(entry.index());
    std::visit([&](const auto& one) { protocol::put(pending_, one); }, entry);
}

void Journal::flush() {
    for (protocol::ByteView rest = pending_.written(); !rest.empty();) {
        const ssize_t written = ::write(file_, rest.data(), rest.size());
        if (written >= 0)
            rest = rest.subspan(static_cast<std::size_t>(written));
        else if (errno != EINTR)
            throw std::system_error{errno, std::generic_category(), "the journal cannot be written"};
    }
    pending_.clear();
}

} // namespace mock_pool
