#include "tests/vectors/folder.hpp"

#include "noise/hash.hpp"
#include "tests/support/hex.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>

namespace vectors {

namespace {

class Counts {
  public:
    Counts() = default;
    Counts(const Counts&) = delete;
    Counts& operator=(const Counts&) = delete;
    ~Counts() {
        for (const auto& [file, count] : counts_) std::cout << "# " << file << ": " << count << " cases asserted\n";
    }
    void add(const std::string& file) { ++counts_[file]; }

  private:
    std::map<std::string, std::size_t> counts_;
};

std::filesystem::path folder() {
    if (const char* given = std::getenv("SV2_VECTORS"); given != nullptr && *given != '\0') return given;
    return DEFAULT_VECTORS;
}

const Json& load(const std::string& file) {
    static std::map<std::string, Json> loaded;
    if (const auto found = loaded.find(file); found != loaded.end()) return found->second;
    std::ifstream in{folder() / file};
    REQUIRE_MESSAGE(in.is_open(), (folder() / file).string(), " is missing");
    return loaded.emplace(file, Json::parse(in)).first->second;
}

} // namespace

const Json& list(const std::string& file, const std::string& name) {
    const Json& whole = load(file);
    REQUIRE_MESSAGE(whole.contains(name), file, " has no list ", name);
    REQUIRE_MESSAGE(whole.at(name).is_array(), name, " in ", file, " is no list");
    REQUIRE_MESSAGE(!whole.at(name).empty(), name, " in ", file, " is empty");
    return whole.at(name);
}

void count_asserted(const std::string& file) {
    static Counts counts;
    counts.add(file);
}

std::vector<std::uint8_t> bytes(const Json& hex) {
    return support::from_hex(hex.get_ref<const std::string&>());
}

std::vector<std::uint8_t> generated_bytes(std::size_t size, std::uint64_t seed) {
    std::vector<std::uint8_t> bytes(size);
    for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>((31 * i) + (17 * (i >> 8)) + seed);
    return bytes;
}

std::string sha256_hex(std::span<const std::uint8_t> bytes) {
    return support::to_hex(noise::sha256({bytes}));
}

} // namespace vectors
