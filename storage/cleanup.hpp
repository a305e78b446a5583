// Taking out old records, step by step. Each step reads a few thousand records and ends in one transaction at most, so
// that commits go through between them: a run that is older as a whole is declared gone, then its records are taken
// out; one that straddles the bound is split there first. Whatever is cut off by a crash is begun again.
#pragma once

#include "storage/engine.hpp"
#include "storage/integrity.hpp"
#include "storage/open_run.hpp"
#include "storage/state.hpp"

#include <cstdint>
#include <optional>

namespace storage {

class Cleanup {
  public:
    struct Step {
        std::optional<Transaction> transaction; // to be written
        Position swept = 0;                     // once that is written
        std::uint64_t removed_shares = 0;       // as the next
        bool is_done = false;
    };

    // What is to be done next. The others must be those of the last call.
    Result<Step> next(const State& state, const Engine& engine, const FingerprintKey& key, Milliseconds older_than);
    void wrote(const Step& step) {
        swept_ = step.swept;
        if (step.transaction && step.transaction->replaced_run) split_ = {};
    }

  private:
    // A run that is being read again, to make two of it.
    struct Split {
        Run run;
        Milliseconds older_than = 0;
        OpenRun older;
        OpenRun younger; // from the first record on that is not older
        ChainLink bound{};
        ChainLink chain{}; // as far as has been read
        Position read = 0; // up to here
    };

    [[nodiscard]] Result<Step> sweep(const State& state, const Engine& engine, const FingerprintKey& key) const;
    Result<Step> split(const State& state, const Engine& engine, const Run& run, Milliseconds older_than);

    Position swept_ = 0; // nothing is left up to here that does not outlive
    Split split_;        // none: its run is that of no records
};

} // namespace storage
