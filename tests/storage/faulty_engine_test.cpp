// The n-th call of an engine fails, for every n.

#include "tests/storage/fault_trial.hpp"

using namespace fault_trial;

TEST_CASE("whichever call of the engine fails, every acknowledged record is there once") {
    using enum StorageError::Kind;
    std::vector<Fault> faults;
    for (const auto& [kind, moment] :
         {std::pair{full, Moment::before}, std::pair{unavailable, Moment::before}, std::pair{unknown, Moment::before},
          std::pair{poisoned, Moment::before}, std::pair{unknown, Moment::after}, std::pair{poisoned, Moment::after}})
        for (const bool restarts : {false, true}) faults.push_back({kind, moment, restarts});
    check_every_call(
        faults,
        [] {
            return [engine = std::make_shared<MemoryEngine>()](FaultHook hook) -> std::unique_ptr<Engine> {
                return std::make_unique<FaultyEngine>(engine, std::move(hook));
            };
        },
        100);
}
