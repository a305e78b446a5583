#include "clients/mock_pool/job_maker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>

namespace mock_pool {

namespace {

constexpr std::uint64_t jobs_per_solution = 50; // on average
constexpr std::size_t token_size = 8;
constexpr std::size_t most_transactions = 40;
constexpr std::uint64_t miners = 20;

// What SRI's job declarator server puts into DeclareMiningJob.Error.
constexpr std::array<std::string_view, 2> job_reject_codes{"invalid-mining-job-token",
                                                           "invalid-job-param-value-coinbase_tx"};

} // namespace

JobMaker::JobMaker(const JobSettings& settings) : settings_{settings} {
    std::seed_seq seed{static_cast<std::uint32_t>(settings.seed), static_cast<std::uint32_t>(settings.seed >> 32U),
                       settings.life};
    random_.seed(seed);
}

protocol::Bytes JobMaker::next_bytes(std::size_t size) {
    protocol::Bytes bytes(size);
    std::ranges::generate(bytes, [this] { return static_cast<std::uint8_t>(random_()); });
    return bytes;
}

protocol::U256 JobMaker::next_hash() {
    protocol::U256 hash;
    std::ranges::copy(next_bytes(hash.bytes.size()), hash.bytes.begin());
    return hash;
}

void JobMaker::make(std::uint64_t timestamp, std::vector<MadeRecord>& out) {
    const bool is_accepted = static_cast<double>(random_() % 10'000) / 100 >= settings_.rejects_percent;
    protocol::DeclaredJob job{
        .mining_job_token = {next_bytes(token_size)},
        .new_mining_job_token = {},
        .user_identity = {fmt::format("miner{}", random_() % miners)},
        .accepted = static_cast<std::uint8_t>(is_accepted ? 1 : 0),
        .error_code = {},
        .version = 0x20000000,
        .coinbase_tx_prefix = {next_bytes(60)},
        .coinbase_tx_suffix = {next_bytes(80)},
        .wtxid_list = {},
        .excess_data = {},
        .timestamp = timestamp,
        .label = {},
    };
    job.wtxid_list.items.resize(random_() % most_transactions);
    std::ranges::generate(job.wtxid_list.items, [this] { return next_hash(); });
    if (is_accepted) {
        job.new_mining_job_token = {next_bytes(token_size)};
        solvable_ = job;
    } else {
        job.error_code = {std::string{job_reject_codes.at(random_() % job_reject_codes.size())}};
    }
    out.push_back({.record = std::move(job)});
    if (!solvable_ || random_() % jobs_per_solution != 0) return;
    protocol::Solution solution = solution_of(*std::exchange(solvable_, std::nullopt));
    solution.timestamp = timestamp;
    out.push_back({.record = std::move(solution)});
}

protocol::Solution JobMaker::solution_of(const protocol::DeclaredJob& job) {
    return {.mining_job_token = job.new_mining_job_token,
            .share_hash = next_hash(),
            .extranonce = {next_bytes(16)},
            .prev_hash = next_hash(),
            .nonce = next_number(),
            .ntime = next_number(),
            .nbits = 0x1702905c,
            .version = job.version,
            .timestamp = 0,
            .label = {}};
}

} // namespace mock_pool
