// A backend of one's own (journal_engine.cpp) under everything that the stores of this project can do: stores the mock
// data in a file, opens it again, and finds everything as it was, also after the process has died while it wrote.
#include "examples/fresh_folder.hpp"
#include "examples/journal_engine.hpp"
#include "examples/mock_data.hpp"
#include "examples/program.hpp"
#include "examples/share_accounting_storage.hpp"
#include "examples/tour.hpp"
#include "storage/log_store.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

using namespace examples;
namespace fs = std::filesystem;

// All that it takes to make a store of an engine.
StoreOpener journal(const fs::path& file) {
    return [file]() -> storage::Result<std::unique_ptr<storage::Store>> {
        auto engine = open_journal(file);
        if (!engine) return std::unexpected(engine.error());
        return storage::LogStore::open(*std::move(engine));
    };
}

void expect_same(const std::string& answers, const std::string& before) {
    if (answers != before) throw std::runtime_error{fmt::format("the answers have changed:\n{}", answers)};
}

void run() {
    const FreshFolder folder{fs::temp_directory_path(), "custom_backend"};
    const fs::path file = folder.path() / "journal";
    const MockData data = make_mock_data(now());
    ShareAccountingStorage storage{journal(file)};
    must(storage.initialize());
    store_each(storage, data);
    const std::string before = answers(storage, data);
    fmt::print("{}", before);
    fmt::print("health: {}\n", storage.health_check().backend_type);
    must(storage.close());
    fmt::print("journal: {} bytes\n", fs::file_size(file));

    must(storage.initialize());
    expect_same(answers(storage, data), before);
    must(storage.close());
    fmt::print("closed and opened again: the same answers\n");

    std::ofstream{file, std::ios::app | std::ios::binary} << "half a frame"; // what a crash leaves behind
    must(storage.initialize());
    expect_same(answers(storage, data), before);
    must(storage.close());
    fmt::print("opened with a torn end: the same answers\n");
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Shows a whole small backend: a journal file under the store.", "custom_backend"};
    return examples::run_program(app, argc, argv, run);
}
