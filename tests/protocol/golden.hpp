// Bytes written down field by field: a line is a field's name and its bytes in hex; a line that begins with a blank
// goes on with the field before it; `#` begins a comment. The form of the golden files and of EXTENSION.md's examples.
#pragma once

#include "protocol/codec.hpp"
#include "protocol/records.hpp"
#include "tests/support/hex.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <istream>
#include <sstream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace golden {

struct GoldenField {
    std::string name;
    protocol::Bytes bytes;
};
using GoldenFields = std::vector<GoldenField>;

inline GoldenFields read_fields(std::istream& lines) {
    GoldenFields fields;
    for (std::string line; std::getline(lines, line);) {
        line = line.substr(0, line.find('#'));
        std::istringstream words{line};
        if (line.find_first_not_of(' ') == std::string::npos) continue;
        if (line.front() != ' ') words >> fields.emplace_back().name;
        REQUIRE_FALSE(fields.empty());
        for (std::string word; words >> word;) {
            const auto bytes = support::from_hex(word);
            fields.back().bytes.insert(fields.back().bytes.end(), bytes.begin(), bytes.end());
        }
    }
    return fields;
}

inline std::filesystem::path folder() {
    const char* folder = std::getenv("GOLDEN");
    REQUIRE(folder != nullptr);
    return folder;
}

inline GoldenFields read_file(std::string_view name) {
    std::ifstream file{folder() / (std::string{name} + ".hex")};
    REQUIRE_MESSAGE(file.is_open(), "no golden file for ", std::string{name});
    return read_fields(file);
}

inline protocol::Bytes concatenated(const GoldenFields& fields) {
    protocol::Bytes bytes;
    for (const auto& field : fields) bytes.insert(bytes.end(), field.bytes.begin(), field.bytes.end());
    return bytes;
}

// What encoding makes of each field.
template <protocol::Struct S> GoldenFields fields_of(const S& value) {
    GoldenFields fields;
    S::fields(value)([&](const auto&... field) {
        (fields.push_back({std::string{field.name}, protocol::encode(field.value).value()}), ...);
    });
    return fields;
}

inline void check_same(const GoldenFields& actual, const GoldenFields& expected) {
    REQUIRE(actual.size() == expected.size());
    for (std::size_t i = 0; i < actual.size(); ++i) {
        CHECK(actual[i].name == expected[i].name);
        CHECK(support::to_hex(actual[i].bytes) == support::to_hex(expected[i].bytes));
    }
}

// Calls visit.template operator()<R>(name) for each kind of record that has a struct.
void for_each_record(auto&& visit) {
    visit.template operator()<protocol::Share>("Share");
    visit.template operator()<protocol::ShareAccounting>("ShareAccounting");
    visit.template operator()<protocol::Block>("Block");
    visit.template operator()<protocol::BlockStatus>("BlockStatus");
    visit.template operator()<protocol::BatchAcknowledgment>("BatchAcknowledgment");
    visit.template operator()<protocol::DeclaredJob>("DeclaredJob");
    visit.template operator()<protocol::Solution>("Solution");
    visit.template operator()<protocol::AccountingDeleted>("AccountingDeleted");
    static_assert(std::variant_size_v<protocol::AnyRecord> == 8, "a new kind of record belongs into this list");
}

} // namespace golden
