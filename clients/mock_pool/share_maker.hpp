// The shares of a pool that does not exist: the same for the same seed and life, but for their times.
#pragma once

#include "protocol/records.hpp"

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace mock_pool {

struct ShareSettings {
    std::uint64_t seed = 0;
    std::uint32_t life = 0; // of the pool: its channels and hashes are others in each
    std::uint32_t channels = 1;
    unsigned grind_bits = 0;       // leading zero bits of an accepted share's hash; 0 states no target
    double duplicates_percent = 0; // of shares: accepted ones again
    double rejects_percent = 0;    // of shares: refused by the pool itself
};

struct MadeRecord {
    protocol::AnyRecord record;
    bool is_duplicate = false; // the role must give it the verdict duplicate-share
};

class ShareMaker {
  public:
    explicit ShareMaker(const ShareSettings& settings);

    // Appends the next share and what follows from it: a block, a batch acknowledgment. `timestamp` in ms.
    void make(std::uint64_t timestamp, std::vector<MadeRecord>& out);

    // The share that was accepted before, sent once more: a pool that lost its memory does that.
    static MadeRecord again(protocol::Share share, std::uint64_t timestamp);

    // Shares that a store has lost are no duplicates when they come again.
    void forget_accepted() { accepted_.clear(); }

  private:
    struct Channel {
        std::string id;
        std::string user_identity;
        std::uint64_t work = 0;
        std::uint32_t sequence_number = 0;
        std::uint32_t accepted_in_batch = 0;
    };
    struct Accepted {
        std::uint32_t channel;
        protocol::U256 share_hash;
    };

    protocol::U256 next_hash(unsigned bits);
    bool happens(double percent);
    void make_accepted(protocol::Share share, Channel& channel, std::vector<MadeRecord>& out);

    ShareSettings settings_;
    std::mt19937_64 random_;
    std::vector<Channel> channels_;
    std::vector<Accepted> accepted_; // the last of them, to be sent again
    std::size_t next_accepted_ = 0;  // where the next one goes
    protocol::U256 target_;
};

} // namespace mock_pool
