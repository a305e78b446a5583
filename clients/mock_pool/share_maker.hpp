// The shares of a pool that does not exist, and what follows from them: blocks and what becomes of them, batch
// acknowledgments, reports.
#pragma once

#include "clients/mock_pool/record_maker.hpp"
#include "protocol/records.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
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

class ShareMaker final : public RecordMaker {
  public:
    explicit ShareMaker(const ShareSettings& settings);

    void make(std::uint64_t timestamp, std::vector<MadeRecord>& out) override;
    // Shares that a store has lost are no duplicates when they come again; and what is reported is counted anew.
    void forget() override;

    // The share that was accepted before, sent once more: a pool that lost its memory does that.
    static MadeRecord again(protocol::Share share, std::uint64_t timestamp);

  private:
    static constexpr std::size_t reject_kinds = 7;

    struct Channel {
        std::string id;
        std::string user_identity;
        std::uint64_t work = 0;
        std::uint32_t sequence_number = 0;
        std::uint32_t accepted_in_batch = 0;
        std::uint32_t batches = 0;
        protocol::ShareAccounting counted{}; // what the pool reports, but for the rejects
        std::array<std::uint64_t, reject_kinds> rejects{};
    };
    struct Accepted {
        std::uint32_t channel;
        protocol::U256 share_hash;
    };

    protocol::U256 next_hash(unsigned bits);
    bool happens(double percent);
    void make_accepted(protocol::Share share, Channel& channel, std::vector<MadeRecord>& out);
    void end_batch(protocol::Share share, Channel& channel, std::vector<MadeRecord>& out);
    static void report(const Channel& channel, std::uint64_t timestamp, std::vector<MadeRecord>& out);
    void find_block(protocol::Share share, Channel& channel, std::vector<MadeRecord>& out);
    void decide_block(std::uint64_t timestamp, std::vector<MadeRecord>& out);

    ShareSettings settings_;
    std::mt19937_64 random_;
    std::vector<Channel> channels_;
    std::vector<Accepted> accepted_;       // the last of them, to be sent again
    std::size_t next_accepted_ = 0;        // where the next one goes
    std::deque<protocol::U256> submitted_; // blocks that are neither confirmed nor orphaned
    protocol::U256 target_;
};

} // namespace mock_pool
