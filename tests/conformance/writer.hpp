// A session on a stream of the scene: each record goes behind the last.
#pragma once

#include "tests/conformance/records.hpp"
#include "tests/conformance/scene.hpp"

#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

namespace conformance {

class Writer {
  public:
    Writer(Scene& scene, const storage::StreamName& name, const std::string& pool)
        : scene_{scene},
          attachment_{scene.attach(name, pool)},
          next_{attachment_.durable_sequence + 1} {}

    protocol::Verdict store(const protocol::B0_16M& record, storage::Milliseconds received_at = noon) {
        const auto outcome = scene_.commit(submission(attachment_, next_++, {record}, received_at));
        if (!outcome) throw std::runtime_error{"the record was refused"};
        return outcome->verdicts.empty() ? protocol::Verdict::stored : outcome->verdicts.front().verdict;
    }
    template <protocol::Record R> protocol::Verdict store(const R& record, storage::Milliseconds received_at = noon) {
        return store(sent(record), received_at);
    }
    // In one commit each, all received at one time.
    template <protocol::Record... R> void store_all(storage::Milliseconds received_at, const R&... records) {
        (store(records, received_at), ...);
    }

    [[nodiscard]] const storage::Attachment& attachment() const { return attachment_; }

  private:
    Scene& scene_;
    storage::Attachment attachment_;
    std::uint64_t next_;
};

} // namespace conformance
