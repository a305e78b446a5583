// The disk that a store lies on: how much of it is left alone, and a word before it comes to that.
#pragma once

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace storage {

[[nodiscard]] bool is_lack_of_space(const std::error_code& why);
inline constexpr std::string_view make_room = "; make room on its disk: a running role goes on by itself";

class Disk {
  public:
    // What records leave alone: so many bytes; and of a small disk, this part of it.
    struct Reserve {
        std::uintmax_t bytes = 0;
        std::uintmax_t parts_of_small_disk = 1;
    };

    struct Room {
        std::uintmax_t available = 0;
        std::uintmax_t capacity = 0;
        std::uintmax_t reserve = 0;

        // What brings no records may take most of the reserve: nothing could be taken out of a full disk without.
        [[nodiscard]] std::uintmax_t kept(bool brings_records) const { return brings_records ? reserve : reserve / 4; }
        [[nodiscard]] bool has(std::uintmax_t bytes, bool brings_records) const {
            return available >= bytes + kept(brings_records);
        }
    };

    Disk(std::filesystem::path path, const Reserve& reserve) : path_{std::move(path)}, reserve_{reserve} {}

    // Nothing if it cannot be told.
    [[nodiscard]] std::optional<Room> room() const;

    // The same, and settles whether there is something to warn of. `next`: what the store will take at once when it
    // needs more. For one thread.
    std::optional<Room> watch(std::uintmax_t next);

    // Empty if there is room enough. From any thread.
    [[nodiscard]] std::string warning() const;

  private:
    std::filesystem::path path_;
    Reserve reserve_;
    mutable std::mutex mutex_;
    std::string warning_;
};

} // namespace storage
