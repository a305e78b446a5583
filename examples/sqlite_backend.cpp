// The SQLite backend: stores the mock data in a file, closes it, opens it again, and finds everything as it was. The
// file stays, so that one can look into it with the sqlite3 shell.
#include "examples/fresh_folder.hpp"
#include "examples/mock_data.hpp"
#include "examples/program.hpp"
#include "examples/share_accounting_storage.hpp"
#include "examples/tour.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace examples;
namespace fs = std::filesystem;

// Whether all that the store holds is what this example puts there. Looks at a copy: opening changes a store.
bool is_our_store(const fs::path& file) {
    constexpr std::uintmax_t more_than_ours = 4'000'000;
    if (fs::file_size(file) == 0 || fs::file_size(file) > more_than_ours) return false;
    const FreshFolder folder{fs::temp_directory_path(), "sqlite_backend"};
    const fs::path copy = folder.path() / "copy";
    fs::copy_file(file, copy);
    const MockData data = make_mock_data(now());
    const std::set<std::string> channels{data.channels.begin(), data.channels.end()};
    ShareAccountingStorage storage{backend("sqlite", copy)};
    return storage.initialize() && storage.store().position() == in_order(data).size() &&
           must(storage.list_channels()) == std::vector(channels.begin(), channels.end()) &&
           must(storage.get_total_shares()) == data.shares.size();
}

// So that the next run can leave its file. Anything else is somebody's, and is not touched.
void remove_file_of_earlier_run(const fs::path& file) {
    if (fs::symlink_status(file).type() == fs::file_type::not_found) return;
    const bool is_open = fs::exists(file.string() + "-wal"); // or was not closed
    if (is_open || !fs::is_regular_file(fs::symlink_status(file)) || !is_our_store(file))
        throw std::runtime_error{
            fmt::format("{}: this is not a file that sqlite_backend has left: it is not replaced. Move it away, or "
                        "name another file with --keep",
                        file.string())};
    fs::remove(file);
}

void run(const fs::path& file) {
    remove_file_of_earlier_run(file);
    const MockData data = make_mock_data(now());
    ShareAccountingStorage storage{backend("sqlite", file)};
    must(storage.initialize());
    store_each(storage, data);
    const std::string before = answers(storage, data);
    fmt::print("stored in {}: {} records\n{}", file.string(), in_order(data).size(), before);
    must(storage.close());

    must(storage.initialize());
    const std::string after = answers(storage, data);
    must(storage.close());
    if (after != before) throw std::runtime_error{fmt::format("the answers have changed:\n{}", after)};
    fmt::print("closed and opened again: the same answers\n");
    fmt::print("file size: {} bytes\n", fs::file_size(file));
    fmt::print("look into it: sqlite3 {} \"SELECT channel_id, COUNT(*) FROM share_records GROUP BY channel_id\"\n",
               file.string());
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Shows the SQLite backend. The file stays; one of an earlier run is replaced, any other is not.",
                 "sqlite_backend"};
    std::string file = "example_storage.db";
    app.add_option("--keep", file, "where to leave the file")->type_name("PATH")->capture_default_str();
    return examples::run_program(app, argc, argv, [&] { run(file); });
}
