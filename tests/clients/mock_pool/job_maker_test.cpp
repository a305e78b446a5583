#include "clients/mock_pool/job_maker.hpp"
#include "tests/clients/mock_pool/encoded.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <set>
#include <string>
#include <variant>
#include <vector>

using mock_pool::JobMaker;
using mock_pool::JobSettings;
using mock_pool::MadeRecord;

namespace {

std::vector<MadeRecord> make(const JobSettings& settings, int jobs) {
    JobMaker maker{settings};
    std::vector<MadeRecord> made;
    for (int i = 0; i < jobs; ++i) maker.make(1000, made);
    return made;
}

std::string text_of(const protocol::B0_255& token) {
    return {token.bytes.begin(), token.bytes.end()};
}

} // namespace

TEST_CASE("the same seed makes the same jobs; another seed or life, others") {
    CHECK(encoded(make({.seed = 42}, 200)) == encoded(make({.seed = 42}, 200)));
    CHECK(encoded(make({.seed = 42}, 1)) != encoded(make({.seed = 43}, 1)));
    CHECK(encoded(make({.seed = 42}, 1)) != encoded(make({.seed = 42, .life = 1}, 1)));
}

TEST_CASE("every job and solution is a record that the role takes, and each solution is of an accepted job") {
    std::set<std::string> accepted; // tokens
    std::size_t refused = 0;
    std::size_t solutions = 0;
    for (const auto& bytes : encoded(make({.seed = 42}, 5000))) {
        const auto read = protocol::read_record(bytes);
        REQUIRE(read.has_value());
        CHECK(read->verdict == protocol::Verdict::stored);
        if (const auto* const job = std::get_if<protocol::DeclaredJob>(&read->record)) {
            if (job->accepted == 1)
                CHECK(accepted.insert(text_of(job->new_mining_job_token)).second);
            else
                ++refused;
        } else {
            ++solutions;
            CHECK(accepted.contains(text_of(std::get<protocol::Solution>(read->record).mining_job_token)));
        }
    }
    CHECK(accepted.size() + refused == 5000);
    CHECK(refused > 300);
    CHECK(solutions > 30);
}
