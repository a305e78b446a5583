#include "src/state_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>
#include <utility>

namespace role {

std::expected<StateDirectory, StateDirectory::Error> StateDirectory::open(const std::filesystem::path& path) {
    const auto cannot = [&](std::string_view what, const std::error_code& why) {
        return std::unexpected(
            Error{fmt::format("state directory {} {}: {}", path.string(), what, why.message()), false});
    };
    std::error_code error;
    if (std::filesystem::create_directories(path, error))
        std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
    if (error) return cannot("cannot be made", error);
    using std::filesystem::perms;
    const perms mode = std::filesystem::status(path, error).permissions();
    if ((mode & (perms::group_write | perms::others_write)) != perms::none)
        return std::unexpected(
            Error{fmt::format("state directory {} can be written by others; expected 0700: chmod 700 {}", path.string(),
                              path.string()),
                  false});

    const int lock = ::open((path / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock < 0) return cannot("cannot be locked", {errno, std::generic_category()});
    StateDirectory directory{lock};
    if (::flock(lock, LOCK_EX | LOCK_NB) == 0) return directory;
    if (errno != EWOULDBLOCK) return cannot("cannot be locked", {errno, std::generic_category()});
    return std::unexpected(Error{
        fmt::format("state directory {} is in use by another role: stop that one, or name another --state-directory",
                    path.string()),
        true});
}

StateDirectory::StateDirectory(StateDirectory&& other) noexcept : lock_{std::exchange(other.lock_, -1)} {}

StateDirectory::~StateDirectory() {
    if (lock_ >= 0) ::close(lock_);
}

} // namespace role
