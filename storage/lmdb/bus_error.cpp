#include "storage/lmdb/bus_error.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace storage::lmdb {

namespace {

// What the signal's handler may look at: plain memory that stays. A process has few stores open.
// NOLINTBEGIN(cppcoreguidelines-avoid-non-const-global-variables): a signal's handler is given nothing else.
struct Watched {
    std::atomic<std::uintptr_t> begin = 0;
    std::atomic<std::uintptr_t> end = 0;
    std::atomic<bool> is_taken = false;
    std::array<char, 4096> report{}; // written before `end`
    std::size_t report_size = 0;
    std::string file;
};
std::array<Watched, 16> all_watched;
std::mutex installing;
bool is_installed = false;
struct sigaction before{};
// NOLINTEND(cppcoreguidelines-avoid-non-const-global-variables)

// Only what is safe in a signal's handler.
void report(int signal, siginfo_t* info, void* /*context*/) {
    const auto address = reinterpret_cast<std::uintptr_t>(info->si_addr); // NOLINT(*-reinterpret-cast)
    for (const Watched& watched : all_watched) {
        if (address < watched.begin || address >= watched.end) continue;
        [[maybe_unused]] const ssize_t written =
            ::write(STDERR_FILENO, watched.report.data(), watched.report_size); // there is no other way to tell
        ::_exit(EXIT_FAILURE);
    }
    ::sigaction(signal, &before, nullptr);                      // what caused it is tried again, and then goes there
    if (info->si_code <= 0) static_cast<void>(::raise(signal)); // somebody sent it
}

Result<void> install(const std::filesystem::path& file) {
    const std::scoped_lock lock{installing};
    if (is_installed) return {};
    struct sigaction action{};
    action.sa_sigaction = report;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    ::sigemptyset(&action.sa_mask);
    if (::sigaction(SIGBUS, &action, &before) != 0)
        return std::unexpected(
            StorageError{.kind = StorageError::Kind::unusable, .detail = file.native() + ": SIGBUS cannot be caught"});
    is_installed = true;
    return {};
}

std::uintptr_t hexadecimal(std::string_view text) {
    std::uintptr_t number = 0;
    std::from_chars(text.data(), text.data() + text.size(), number, 16);
    return number;
}

} // namespace

Result<BusErrorWatch> BusErrorWatch::over(const std::filesystem::path& file) {
    if (auto done = install(file); !done) return std::unexpected(done.error());
    for (std::size_t slot = 0; slot < all_watched.size(); ++slot) {
        Watched& watched = all_watched.at(slot);
        if (watched.is_taken.exchange(true)) continue;
        watched.file = file.native();
        std::string text{"storage-sv2: "};
        text.append(file.native());
        text.append(
            ": the file was cut short while it was open, or its disk cannot be read; the role ends here, and all "
            "that it acknowledged before was durable. Look at the disk, bring the whole file back from a backup, "
            "and start again.\n");
        watched.report_size = std::min(text.size(), watched.report.size());
        std::copy_n(text.begin(), watched.report_size, watched.report.begin());
        BusErrorWatch watch{slot};
        if (auto done = watch.look_again(); !done) return std::unexpected(done.error());
        return watch;
    }
    return std::unexpected(StorageError{.kind = StorageError::Kind::unusable,
                                        .detail = file.native() + ": this process has too many stores open"});
}

BusErrorWatch::BusErrorWatch(BusErrorWatch&& other) noexcept : slot_{std::exchange(other.slot_, all_watched.size())} {}

BusErrorWatch::~BusErrorWatch() {
    if (slot_ >= all_watched.size()) return;
    Watched& watched = all_watched.at(slot_);
    watched.end = 0;
    watched.begin = 0;
    watched.is_taken = false;
}

// LMDB does not tell where it has put the file; the kernel does.
Result<void> BusErrorWatch::look_again() const {
    Watched& watched = all_watched.at(slot_);
    watched.end = 0;
    std::ifstream maps{"/proc/self/maps"};
    for (std::string line; std::getline(maps, line);) {
        const auto name = line.find('/');
        if (name == std::string::npos || std::string_view{line}.substr(name) != watched.file) continue;
        const std::string_view range = std::string_view{line}.substr(0, line.find(' '));
        const auto dash = range.find('-');
        watched.begin = hexadecimal(range.substr(0, dash));
        watched.end = hexadecimal(range.substr(dash + 1));
        return {};
    }
    return std::unexpected(StorageError{.kind = StorageError::Kind::unusable,
                                        .detail = watched.file + ": /proc/self/maps does not show it"});
}

} // namespace storage::lmdb
