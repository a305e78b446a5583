// The n-th call of an engine fails, for every n.

#include "storage/sqlite/sqlite_engine.hpp"
#include "tests/storage/fault_trial.hpp"
#include "tests/support/temporary_folder.hpp"

#include <filesystem>

using namespace fault_trial;

namespace {

std::vector<Fault> all_faults() {
    using enum StorageError::Kind;
    std::vector<Fault> faults;
    for (const auto& [kind, moment] :
         {std::pair{full, Moment::before}, std::pair{unavailable, Moment::before}, std::pair{unknown, Moment::before},
          std::pair{poisoned, Moment::before}, std::pair{unknown, Moment::after}, std::pair{poisoned, Moment::after}})
        for (const bool restarts : {false, true}) faults.push_back({kind, moment, restarts});
    return faults;
}

// Of the calls that failed: nothing that an engine is asked was left out. Strides do step over some.
void check_all_kinds(const std::set<std::string>& calls) {
    if (trial_stride() > 1) return;
    CHECK(calls == std::set<std::string>{"load", "write", "read", "read_stream", "scan", "hours", "has_entries", "find",
                                         "close"});
}

} // namespace

TEST_CASE("whichever call of the engine fails, every acknowledged record is there once") {
    const auto fresh = [] {
        return [engine = std::make_shared<MemoryEngine>()](FaultHook hook) {
            return std::make_unique<FaultyEngine>(engine, std::move(hook));
        };
    };
    check_all_kinds(check_every_call(all_faults(), fresh, 100));
}

TEST_CASE("whichever call of SQLite's engine fails, every acknowledged record is there once") {
    namespace fs = std::filesystem;
    const support::TemporaryFolder folder{fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path()};
    const fs::path empty = folder.path() / "empty"; // copied, which takes a fraction of the time of making one
    REQUIRE((*open_sqlite(empty))->close().has_value());
    const fs::path file = folder.path() / "store";
    const auto fresh = [&] {
        for (const auto* const suffix : {"", "-wal", "-shm"}) fs::remove(file.native() + suffix);
        fs::copy_file(empty, file);
        return [file](FaultHook hook) {
            auto engine = open_sqlite(file);
            REQUIRE(engine.has_value());
            return std::make_unique<FaultyEngine>(*std::move(engine), std::move(hook));
        };
    };
    using enum StorageError::Kind;
    check_all_kinds(
        check_every_call({{unavailable, Moment::before, false}, {unknown, Moment::after, false}}, fresh, 100));
}
