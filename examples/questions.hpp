// What the comparison asks: one call each of what a pool asks its storage. Every way to store answers with as many
// items, which shows that all were asked the same.
#pragma once

#include "examples/mock_data.hpp"
#include "examples/share_accounting_storage.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace examples {

struct Questions {
    std::vector<std::string> channels;
    std::vector<protocol::U256> hashes; // of an accepted share of each channel
    std::size_t records_limit = 10;
};

Questions make_questions(const MockData& data);

std::size_t ask(const ShareAccountingStorage& storage, const Questions& questions);

} // namespace examples
