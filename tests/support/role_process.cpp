#include "tests/support/role_process.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <thread>

namespace support {

namespace {

// What the caller has set for a role of his own is none of the test's.
void clear_settings() {
    std::vector<std::string> names{"STATE_DIRECTORY"};
    for (char** variable = environ; *variable != nullptr; ++variable)
        if (const std::string_view text{*variable}; text.starts_with("STORAGE__"))
            names.emplace_back(text.substr(0, text.find('=')));
    for (const auto& name : names) ::unsetenv(name.c_str());
}

// Those of root over files, for the program that is started next.
bool give_up_privileges() {
    if (::geteuid() != 0) return true;
    return ::prctl(PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0) == 0 &&
           ::prctl(PR_CAPBSET_DROP, CAP_DAC_READ_SEARCH, 0, 0, 0) == 0;
}

} // namespace

RoleProcess::RoleProcess(const std::vector<std::string>& arguments, const Environment& environment,
                         const Surroundings& surroundings) {
    const char* const program = std::getenv("ROLE");
    if (program == nullptr) throw std::runtime_error{"ROLE does not name the role's program"};
    std::vector<char*> argv{const_cast<char*>(program)};
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);

    std::array<int, 2> pipe{};
    if (::pipe2(pipe.data(), O_CLOEXEC) != 0) throw std::system_error{errno, std::generic_category(), "pipe2"};
    pid_ = ::fork();
    if (pid_ < 0) throw std::system_error{errno, std::generic_category(), "fork"};
    if (pid_ == 0) {
        ::dup2(pipe[1], STDOUT_FILENO);
        ::dup2(pipe[1], STDERR_FILENO);
        const auto& [folder, max_descriptors, max_file_size, heeds_permissions] = surroundings;
        if (heeds_permissions && !give_up_privileges()) ::_exit(127);
        if (!folder.empty() && ::chdir(folder.c_str()) != 0) ::_exit(127);
        if (const rlimit limit{max_descriptors, max_descriptors}; max_descriptors > 0)
            ::setrlimit(RLIMIT_NOFILE, &limit);
        if (const rlimit limit{max_file_size, max_file_size}; max_file_size > 0) ::setrlimit(RLIMIT_FSIZE, &limit);
        clear_settings();
        for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
        ::execv(program, argv.data());
        ::_exit(127);
    }
    ::close(pipe[1]);
    output_pipe_ = pipe[0];
}

RoleProcess::~RoleProcess() {
    if (pid_ > 0) {
        ::kill(pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    if (output_pipe_ >= 0) ::close(output_pipe_);
}

bool RoleProcess::read_more(std::chrono::steady_clock::time_point until) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
    pollfd readable{.fd = output_pipe_, .events = POLLIN, .revents = 0};
    if (left.count() <= 0 || ::poll(&readable, 1, static_cast<int>(left.count())) <= 0) return false;
    std::array<char, 4096> buffer;
    const ssize_t size = ::read(output_pipe_, buffer.data(), buffer.size());
    if (size <= 0) return false;
    output_.append(buffer.data(), static_cast<std::size_t>(size));
    return true;
}

bool RoleProcess::wait_for_output(std::string_view text) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (output_.find(text) == std::string::npos)
        if (!read_more(until)) return false;
    return true;
}

std::uint16_t RoleProcess::wait_for_port() {
    constexpr std::string_view announcement = "listening on ";
    if (!wait_for_output(announcement)) return 0;
    const auto start = output_.find(announcement);
    const auto until = std::chrono::steady_clock::now() + patience;
    while (output_.find('\n', start) == std::string::npos)
        if (!read_more(until)) return 0;
    const auto line = output_.substr(start, output_.find('\n', start) - start);
    return static_cast<std::uint16_t>(std::stoul(line.substr(line.rfind(':') + 1)));
}

void RoleProcess::signal(int number) const {
    ::kill(pid_, number);
}

int RoleProcess::wait_for_exit() {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (read_more(until)) {
    } // to the end of the output, which is the end of the process
    int status = 0;
    pid_t ended = 0;
    while ((ended = ::waitpid(pid_, &status, WNOHANG)) == 0 && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    if (ended != pid_) return -1;
    pid_ = -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::size_t RoleProcess::resident_size() const {
    std::ifstream status{"/proc/" + std::to_string(pid_) + "/status"};
    for (std::string word; status >> word;)
        if (std::size_t kibibytes = 0; word == "VmRSS:" && status >> kibibytes) return kibibytes * 1024;
    throw std::runtime_error{"the system does not tell the role's memory"};
}

void RoleProcess::limit_file_size(std::optional<std::size_t> bytes) const {
    rlimit limit{};
    if (::prlimit(pid_, RLIMIT_FSIZE, nullptr, &limit) != 0)
        throw std::system_error{errno, std::generic_category(), "prlimit"};
    limit.rlim_cur = bytes ? *bytes : limit.rlim_max;
    if (::prlimit(pid_, RLIMIT_FSIZE, &limit, nullptr) != 0)
        throw std::system_error{errno, std::generic_category(), "prlimit"};
}

} // namespace support
