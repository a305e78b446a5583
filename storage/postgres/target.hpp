// Where the server is, and what its answers to an attempt to connect mean.
#pragma once

#include "storage/error.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace storage::postgres {

struct Target {
    std::vector<std::string> keywords; // libpq's
    std::vector<std::string> values;   // the password is among them
    std::string name;                  // of the place, for the operator
};

// The url, and what it leaves open: one server that can be written, and connections whose end is noticed in seconds.
Result<Target> parse(const std::string& url);

// Whether waiting does not help: all servers answered, and refused. `message` is libpq's, verbose: it has SQLSTATEs.
bool is_refusal(std::string_view message);

// For the operator: without what is verbose in it.
std::string in_words(std::string_view message);

} // namespace storage::postgres
