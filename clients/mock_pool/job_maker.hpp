// The jobs of a job declarator server that does not exist, and now and then a solution of one.
#pragma once

#include "clients/mock_pool/record_maker.hpp"
#include "protocol/records.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace mock_pool {

struct JobSettings {
    std::uint64_t seed = 0;
    std::uint32_t life = 0;      // its jobs are others in each
    double rejects_percent = 10; // of jobs: refused by the server itself
};

class JobMaker final : public RecordMaker {
  public:
    explicit JobMaker(const JobSettings& settings);

    void make(std::uint64_t timestamp, std::vector<MadeRecord>& out) override;
    void forget() override { solvable_.reset(); }

  private:
    protocol::Bytes next_bytes(std::size_t size);
    protocol::U256 next_hash();
    std::uint32_t next_number() { return static_cast<std::uint32_t>(random_()); }
    protocol::Solution solution_of(const protocol::DeclaredJob& job);

    JobSettings settings_;
    std::mt19937_64 random_;
    std::optional<protocol::DeclaredJob> solvable_; // the last one that was accepted
};

} // namespace mock_pool
