// A stop with a disk that hangs.

#include "src/last_resort.hpp"

#include "src/logging.hpp"
#include "storage/faulty_store.hpp"
#include "storage/open.hpp"
#include "tests/support/temporary_folder.hpp"

#include <doctest/doctest.h>
#include <spdlog/sinks/basic_file_sink.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <sys/wait.h>
#include <unistd.h>

using namespace std::chrono_literals;

namespace {

// What the role does at its end, with a store that never lets go.
[[noreturn]] void stop_with_a_store_that_hangs(const std::filesystem::path& log) {
    const role::Logging logging{{std::make_shared<spdlog::sinks::basic_file_sink_st>(log.string())},
                                spdlog::level::info};
    storage::FaultyStore store{storage::open({.backend = "memory"}).value(),
                               [](std::string_view call, storage::Moment) -> std::optional<storage::StorageError> {
                                   while (call == "close") pause();
                                   return std::nullopt;
                               }};
    role::end_at_the_latest(50ms, logging.part("server"));
    const auto closed = store.close();
    std::_Exit(closed ? EXIT_SUCCESS : EXIT_SUCCESS + 2);
}

} // namespace

TEST_CASE("a role whose store hangs at the close ends nevertheless, as failed, and logs why") {
    const support::TemporaryFolder folder;
    const auto log = folder.path() / "log";
    const pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) stop_with_a_store_that_hangs(log);
    int status = 0;
    REQUIRE(waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == EXIT_FAILURE);
    std::ifstream in{log};
    const std::string lines{std::istreambuf_iterator<char>{in}, {}};
    CHECK(lines.find("the store has not let go within 0.05 s: ended without it") != std::string::npos);
}
