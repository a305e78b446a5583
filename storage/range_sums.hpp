// What the records of channels in a range of time add up to: the sums of whole hours, and the records of the hours that
// the range cuts. Where those may have been taken out, the whole hour takes their place.
#pragma once

#include "protocol/storage_requests.hpp"
#include "storage/engine.hpp"
#include "storage/state.hpp"
#include "storage/store.hpp"
#include "storage/tally.hpp"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace storage {

class RangeSums {
  public:
    // Of the log as `state` has it; nothing of the state is looked at later. `go_on` is asked before each call of the
    // engine.
    RangeSums(const State& state, const Engine& engine, const Range& range, std::function<Result<void>()> go_on);

    // With the state that was given above.
    void ask_for(const State& state, const Channel& channel);

    struct Sums {
        RangeTotals in_range;
        std::uint64_t channels = 0; // with a record in the range
    };
    // Over all that was asked for; at one edge all of them are answered for the same hour, or none.
    [[nodiscard]] Result<Sums> add_up() const;

  private:
    // An hour of which the range holds a part.
    struct Edge {
        std::uint32_t hour = 0;
        Milliseconds first = 0; // inclusive, as the next
        Milliseconds last = 0;
    };
    // In one hour at an edge.
    struct EdgeSums {
        Tally whole_hour;
        std::uint64_t blocks = 0; // of the edge itself
        bool is_gone = false;     // its records may be
    };
    struct Asked {
        std::uint32_t channel = 0;
        Tally within; // of the whole hours
        std::array<EdgeSums, 2> edges;
    };

    void count(Asked& asked, std::uint32_t hour, const Tally& tally) const;
    [[nodiscard]] Result<void> read_hours(Asked& asked) const;
    [[nodiscard]] Result<Tally> read_edge(const Asked& asked, std::size_t edge) const;

    const Engine& engine_;
    const Range range_;
    const std::function<Result<void>()> go_on_;
    const Position cut_;
    const Position saved_;
    const Position gone_;
    std::uint32_t first_hour_ = 0; // of all that the range touches
    std::uint32_t last_hour_ = 0;
    std::vector<Edge> edges_; // at most two
    std::vector<Asked> asked_;
};

} // namespace storage
