// The role's own folder: of one owner, and of one role at a time.
#pragma once

#include <expected>
#include <filesystem>
#include <string>

namespace role {

class StateDirectory {
  public:
    struct Error {
        std::string message; // with the folder's name
        bool is_in_use;      // by another role
    };

    // Makes the folder (0700) if it is missing, refuses one that others can write, and locks it until this object goes.
    static std::expected<StateDirectory, Error> open(const std::filesystem::path& path);

    StateDirectory(StateDirectory&& other) noexcept;
    StateDirectory& operator=(StateDirectory&&) = delete;
    ~StateDirectory();

  private:
    explicit StateDirectory(int lock) : lock_{lock} {}

    int lock_; // the descriptor of the locked file, which the kernel unlocks however the role ends
};

} // namespace role
