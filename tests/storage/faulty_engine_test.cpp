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

OpenEngine faults_over(std::shared_ptr<Engine> engine) {
    return [engine = std::move(engine)](FaultHook hook) {
        return std::make_unique<FaultyEngine>(engine, std::move(hook));
    };
}

} // namespace

TEST_CASE("whichever call of the engine fails, every acknowledged record is there once") {
    check_every_call(all_faults(), [] { return faults_over(std::make_shared<MemoryEngine>()); }, 100);
}

TEST_CASE("whichever call of SQLite's engine fails, every acknowledged record is there once") {
    namespace fs = std::filesystem;
    const support::TemporaryFolder folder{fs::exists("/dev/shm") ? "/dev/shm" : fs::temp_directory_path()};
    const fs::path fresh = folder.path() / "fresh"; // copied, which takes a fraction of the time of making one
    REQUIRE((*open_sqlite(fresh))->close().has_value());
    int stores = 0;
    using enum StorageError::Kind;
    check_every_call(
        {{unavailable, Moment::before, false}, {unknown, Moment::after, false}},
        [&] {
            const fs::path place = folder.path() / std::to_string(std::min(stores++, 1)); // the first is kept open
            fs::remove_all(place);
            fs::create_directory(place);
            fs::copy_file(fresh, place / "store");
            auto engine = open_sqlite(place / "store");
            REQUIRE(engine.has_value());
            return faults_over(*std::move(engine));
        },
        100);
}
