// The role as a process of its own, started from the program that the environment names as ROLE.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <sys/types.h>
#include <vector>

namespace support {

// Far longer than anything takes: a wait that reaches it has failed.
inline constexpr std::chrono::seconds patience{30};

class RoleProcess {
  public:
    using Environment = std::map<std::string, std::string>;

    // Where it runs. `max_descriptors`: the hard limit it gets. What is empty or 0 is the caller's.
    struct Surroundings {
        std::filesystem::path working_directory = {};
        std::size_t max_descriptors = 0;
        std::size_t max_file_size = 0;  // bytes; none may grow beyond it
        bool heeds_permissions = false; // of files, as root too
    };

    // `environment` goes over the caller's, from which the role's own settings are taken out.
    explicit RoleProcess(const std::vector<std::string>& arguments, const Environment& environment = {},
                         const Surroundings& surroundings = {{}, 0, 0, false});
    RoleProcess(const RoleProcess&) = delete;
    RoleProcess& operator=(const RoleProcess&) = delete;
    ~RoleProcess(); // kills it if it still runs

    // Waits until the output, standard and error together, contains `text`. False if the process ends or patience does.
    bool wait_for_output(std::string_view text);
    [[nodiscard]] const std::string& output() const { return output_; }

    // The port of the line "listening on ADDR:PORT", or 0 if none came.
    std::uint16_t wait_for_port();

    [[nodiscard]] bool has_ended() const { return pid_ < 0; } // as wait_for_exit() has found
    void signal(int number) const;
    // Waits for the end; -1 if it was killed by a signal or did not end.
    int wait_for_exit();

    // Bytes of memory that it holds just now.
    [[nodiscard]] std::size_t resident_size() const;
    // No file may grow beyond this; nothing takes the limit away again.
    void limit_file_size(std::optional<std::size_t> bytes) const;

  private:
    bool read_more(std::chrono::steady_clock::time_point until);

    pid_t pid_ = -1;
    int output_pipe_ = -1;
    std::string output_;
};

} // namespace support
