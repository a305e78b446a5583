// Runs a fuzz target without a fuzzer: over each file of the folders named, every prefix of it, and every byte of it
// changed. Deterministic and quick, so that each target is compiled and run by the ordinary tests. One TAP case a file.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <set>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void replay(std::vector<std::uint8_t> input) {
    for (std::size_t size = 0; size <= input.size(); ++size) {
        const std::vector<std::uint8_t> prefix(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size));
        LLVMFuzzerTestOneInput(prefix.data(), prefix.size()); // a copy of just that size, for the sanitizers to guard
    }
    for (auto& byte : input) {
        for (const std::uint8_t change : {0x01, 0x80, 0xff}) {
            byte ^= change;
            LLVMFuzzerTestOneInput(input.data(), input.size());
            byte ^= change;
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    int number = 0;
    for (int i = 1; i < argc; ++i) {
        std::set<std::filesystem::path> files;
        for (const auto& entry : std::filesystem::directory_iterator{argv[i]}) files.insert(entry.path());
        for (const auto& path : files) {
            std::ifstream file{path, std::ios::binary};
            replay({std::istreambuf_iterator<char>{file}, {}});
            std::cout << "ok " << ++number << " - " << path.filename().string() << '\n';
        }
    }
    std::cout << "1.." << number << '\n';
    return number > 0 ? 0 : 1;
}
