// Every backend that is built, side by side: what it can do, how fast it is on the disk of the current directory, and
// when to choose which. Beside them the reference: the storage crate that this project succeeds, whose way to use
// SQLite is run here, too, so that all figures come from one process and one disk.
#include "examples/comparison_places.hpp"
#include "examples/fresh_folder.hpp"
#include "examples/mock_data.hpp"
#include "examples/program.hpp"
#include "examples/questions.hpp"
#include "examples/reference_way.hpp"
#include "examples/share_accounting_storage.hpp"
#include "examples/tour.hpp"
#include "storage/open.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <linux/magic.h>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <sys/vfs.h>
#include <vector>

namespace {

using namespace examples;
namespace fs = std::filesystem;

constexpr int turns = 7;
constexpr int runs = 4; // of a turn: the first only warms up, as another contender's came before
constexpr int counted_runs = turns * (runs - 1);

// In ms; the median of the runs that count.
class Timing {
  public:
    template <class Work> void run(Work work) {
        const auto start = std::chrono::steady_clock::now();
        work();
        const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
        samples_.push_back(taken.count());
    }
    [[nodiscard]] double median() const {
        std::vector<double> counted;
        for (std::size_t i = 0; i < samples_.size(); ++i)
            if (i % runs != 0) counted.push_back(samples_[i]);
        if (counted.empty()) return 0;
        const auto middle = counted.begin() + static_cast<std::ptrdiff_t>(counted.size() / 2);
        std::ranges::nth_element(counted, middle);
        return *middle;
    }

  private:
    std::vector<double> samples_;
};

// A way to store the data: one of our backends, or the reference's.
struct Contender {
    std::string name;
    std::string unavailable = {}; // why it cannot be had here; empty if it can
    Timing init = {};
    Timing insert_each = {};
    Timing insert_batch = {};
    Timing query = {};
    std::uintmax_t bytes = 0; // on the disk, closed
    bool is_durable = false;
    std::optional<ShareAccountingStorage> storage = {}; // with the data of the last round, to be asked
    std::unique_ptr<ReferenceWay> reference = {};
};

// A new store for each way to insert; of the last run the first is kept for the questions.
void insert(Contender& contender, const MockData& data, ComparisonPlaces& places, bool is_last) {
    const auto place = places.make(contender.name, "each");
    auto& storage = contender.storage.emplace(backend(place));
    contender.init.run([&] { must(storage.initialize()); });
    contender.is_durable = storage.store().durability() != protocol::Durability::is_volatile;
    contender.insert_each.run([&] { store_each(storage, data); });

    const auto records = in_order(data);
    ShareAccountingStorage other{backend(places.make(contender.name, "batch"))};
    must(other.initialize());
    contender.insert_batch.run([&] { must(other.store_batch(records)); });
    must(other.close());
    if (is_last) return;
    must(storage.close());
    contender.bytes = places.bytes(place);
}

void insert_by_reference(Contender& contender, const MockData& data, ComparisonPlaces& places, bool is_last) {
    const auto place = places.make(contender.name, "each");
    contender.init.run([&] { contender.reference = std::make_unique<ReferenceWay>(place.database_path); });
    contender.insert_each.run([&] { contender.reference->store_each(data); });
    if (is_last) return;
    contender.reference.reset();
    contender.bytes = places.bytes(place);
}

void query(Contender& contender, const Questions& questions, std::size_t& items) {
    std::size_t answered = 0;
    contender.query.run([&] {
        answered = contender.reference ? contender.reference->ask(questions) : ask(*contender.storage, questions);
    });
    if (items == 0) items = answered;
    if (answered != items)
        throw std::runtime_error{
            fmt::format("{} answers with {} items, others with {}", contender.name, answered, items)};
}

// All contenders take turns, so that whatever else the machine does hits each of them. run(contender, is_last).
template <class Run> void take_turns(std::vector<Contender*> contenders, Run run) {
    for (int turn = 0; turn < turns; ++turn)
        for (Contender* const contender : contenders)
            for (int i = 0; i < runs; ++i) run(*contender, turn + 1 == turns && i + 1 == runs);
}

void measure(std::vector<Contender>& backends, Contender& reference, const MockData& data, ComparisonPlaces& places) {
    for (Contender& contender : backends) { // can it be had at all?
        contender.unavailable = places.why_not(contender.name);
        if (!contender.unavailable.empty()) continue;
        ShareAccountingStorage storage{backend(places.make(contender.name, "probe"))};
        if (const auto opened = storage.initialize(); !opened) contender.unavailable = opened.error();
    }
    std::vector<Contender*> there;
    for (Contender& contender : backends)
        if (contender.unavailable.empty()) there.push_back(&contender);
    there.push_back(&reference);
    take_turns(there, [&](Contender& contender, bool is_last) {
        if (&contender == &reference)
            insert_by_reference(contender, data, places, is_last);
        else
            insert(contender, data, places, is_last);
    });
    const Questions questions = make_questions(data);
    std::size_t items = 0;
    take_turns(there, [&](Contender& contender, bool /*is_last*/) { query(contender, questions, items); });
    for (Contender* const contender : there)
        if (contender != &reference) must(contender->storage->close());
    reference.reference.reset();
}

nlohmann::ordered_json to_json(const std::vector<Contender>& backends, const Contender& reference,
                               const MockData& data) {
    nlohmann::ordered_json all;
    all["data_set"] = {{"channels", data.channels.size()},
                       {"shares", data.shares.size()},
                       {"blocks", data.blocks.size()},
                       {"batch_acknowledgments", data.batch_acknowledgments.size()},
                       {"inserts", in_order(data).size()}};
    all["backends"] = nlohmann::ordered_json::array();
    for (const Contender& each : backends) {
        all["backends"].push_back({{"backend", each.name},
                                   {"available", each.unavailable.empty()},
                                   {"init_ms", each.init.median()},
                                   {"insert_each_ms", each.insert_each.median()},
                                   {"insert_batch_ms", each.insert_batch.median()},
                                   {"query_ms", each.query.median()},
                                   {"bytes", each.bytes},
                                   {"reason", each.unavailable}});
    }
    all["reference"] = {{"insert_ms", reference.insert_each.median()},
                        {"query_ms", reference.query.median()},
                        {"bytes", reference.bytes}};
    return all;
}

void print_row(const Contender& each) {
    const bool is_reference = each.name == "reference"; // it has no batches
    const std::string batch = is_reference ? "-" : fmt::format("{:.3f}", each.insert_batch.median());
    fmt::print("{:<24} {:>9.3f} {:>15.3f} {:>16} {:>9.3f} {:>8}\n", each.name, each.init.median(),
               each.insert_each.median(), batch, each.query.median(), each.bytes);
}

void print_figures(const std::vector<Contender>& backends, const Contender& reference, const MockData& data) {
    fmt::print("{} channels, {} inserts: {} shares, {} blocks, {} batch acknowledgments, {} reports\n"
               "times in ms, medians of {} runs, {} in a row after one to warm up\n\n",
               data.channels.size(), in_order(data).size(), data.shares.size(), data.blocks.size(),
               data.batch_acknowledgments.size(), data.reports.size(), counted_runs, runs - 1);
    fmt::print("{:<24} {:>9} {:>15} {:>16} {:>9} {:>8}\n", "backend", "init_ms", "insert_each_ms", "insert_batch_ms",
               "query_ms", "bytes");
    for (const Contender& each : backends) {
        if (each.unavailable.empty())
            print_row(each);
        else
            fmt::print("{:<24} not available: {}\n", each.name, each.unavailable);
    }
    print_row(reference);
    fmt::print("{:<24} {:>9} {:>15} {:>16} {:>9} {:>8}\n", "its own claim, memory", 0.001, 0.09, "-", 0.03, "-");
    fmt::print("{:<24} {:>9} {:>15} {:>16} {:>9} {:>8}\n", "its own claim, SQLite", 8, 62, "-", 0.6, "68 KB");
    fmt::print("insert_each: every record is stored, on the disk where there is one, before the next is begun.\n"
               "insert_batch: all in one call, all of them or none. bytes: of the closed store's files.\n\n");
}

void print_ratio(std::string_view what, double slower, double faster, double wanted) {
    const double ratio = slower / faster;
    fmt::print("{:<66} {:>7.1f} {:>7.0f}  {}\n", what, ratio, wanted, ratio >= wanted ? "reached" : "missed");
}

void print_ratios(const std::vector<Contender>& backends, const Contender& reference) {
    const auto find = [&](std::string_view name) -> const Contender* {
        const auto found = std::ranges::find(backends, name, &Contender::name);
        return found != backends.end() && found->unavailable.empty() ? &*found : nullptr;
    };
    const Contender* const memory = find("memory");
    const Contender* const sqlite = find("sqlite");
    if (sqlite == nullptr) return;
    fmt::print("{:<66} {:>7} {:>7}\n", "how many times faster", "is", "wanted");
    print_ratio("sqlite's inserts as one batch than the reference's", reference.insert_each.median(),
                sqlite->insert_batch.median(), 30);
    print_ratio("sqlite's inserts, each durable on its own, than the reference's", reference.insert_each.median(),
                sqlite->insert_each.median(), 1);
    print_ratio("sqlite's queries than the reference's", reference.query.median(), sqlite->query.median(), 1);
    if (memory != nullptr) {
        print_ratio("memory's inserts, each on its own, than sqlite's", sqlite->insert_each.median(),
                    memory->insert_each.median(), 10);
        print_ratio("memory's inserts as one batch than sqlite's", sqlite->insert_batch.median(),
                    memory->insert_batch.median(), 10);
        print_ratio("memory's queries than sqlite's", sqlite->query.median(), memory->query.median(), 1);
    }
    fmt::print("\n");
}

// What no program can find out about a backend.
struct Features {
    std::string_view backend;
    std::string_view records_in;
    std::string_view sql;
    std::string_view choose_when;
};
constexpr Features features[]{
    {.backend = "memory",
     .records_in = "memory",
     .sql = "no",
     .choose_when = "tests, development, and what may be lost: it is the fastest, and keeps nothing"},
    {.backend = "sqlite",
     .records_in = "one file",
     .sql = "yes, also while the role runs",
     .choose_when = "production on one machine: nothing to administer, and every tool reads the file"},
    {.backend = "rocksdb",
     .records_in = "a folder",
     .sql = "no",
     .choose_when = "one machine that stores more than SQLite keeps up with, and needs no SQL"},
    {.backend = "lmdb",
     .records_in = "one file",
     .sql = "no",
     .choose_when = "many questions beside many shares, in a file that fits into memory, without SQL"},
    {.backend = "postgres",
     .records_in = "a server",
     .sql = "yes, also while the role runs",
     .choose_when = "a second machine that takes over, many who read, or a server that is there already"},
};

void print_features(const std::vector<Contender>& backends) {
    constexpr std::string_view row = "{:<10} {:<12} {:<10} {:<9} {:<11} {:<6} {}\n";
    fmt::print(row, "backend", "records in", "durable", "exact", "duplicates", "range", "readable with SQL");
    for (const Contender& each : backends) {
        if (!each.unavailable.empty()) continue;
        const auto* const found = std::ranges::find(features, each.name, &Features::backend);
        const bool is_known = found != std::end(features);
        // The last three are the work of the store over every backend.
        fmt::print(row, each.name, is_known ? found->records_in : "?", each.is_durable ? "yes" : "no", "128 bits",
                   "refused", "any", is_known ? found->sql : "?");
    }
    fmt::print("\nwhen to choose which\n");
    for (const Contender& each : backends) {
        const auto* const found = std::ranges::find(features, each.name, &Features::backend);
        if (found != std::end(features)) fmt::print("  {:<8} {}\n", each.name, found->choose_when);
    }
}

bool is_in_memory(const fs::path& folder) {
    struct statfs system{};
    return statfs(folder.c_str(), &system) == 0 && system.f_type == TMPFS_MAGIC;
}

std::string join(const std::vector<std::string_view>& names, std::string_view between) {
    std::string all;
    for (const std::string_view name : names) all.append(all.empty() ? "" : between).append(name);
    return all;
}

// All, or those named, separated by commas.
std::vector<Contender> make_contenders(const std::optional<std::string>& names) {
    std::vector<Contender> contenders;
    std::vector<std::string_view> known;
    for (const storage::Backend& backend : storage::backends()) known.push_back(backend.name);
    const std::string chosen = names ? *names : join(known, ",");
    for (const auto part : std::views::split(chosen, ',')) {
        const std::string name{part.begin(), part.end()};
        if (std::ranges::find(known, name) == known.end())
            throw UsageError{
                fmt::format("--backends: no backend is named '{}'; there are: {}", name, join(known, ", "))};
        if (std::ranges::find(contenders, name, &Contender::name) != contenders.end())
            throw UsageError{fmt::format("--backends: '{}' is named twice", name)};
        contenders.push_back({.name = name});
    }
    if (contenders.empty()) throw UsageError{"--backends: none is named"};
    return contenders;
}

std::string database_url(const std::optional<std::string>& given) {
    const char* const set = std::getenv("DATABASE_URL");
    return given.value_or(set == nullptr ? "" : set);
}

void run(const std::optional<std::string>& names, const std::optional<std::string>& url, bool as_json) {
    std::vector<Contender> backends = make_contenders(names);
    const FreshFolder folder{fs::current_path(), "backend_comparison"};
    if (is_in_memory(folder.path()))
        fmt::print(stderr, "backend_comparison: warning: this directory is in memory (tmpfs): nothing is durable here, "
                           "and what waits for a disk looks faster than it is\n");
    const MockData data = make_mock_data(now());
    Contender reference{.name = "reference"};
    ComparisonPlaces places{folder.path(), database_url(url)};
    measure(backends, reference, data, places);
    if (as_json) {
        fmt::print("{}\n", to_json(backends, reference, data).dump());
        return;
    }
    print_figures(backends, reference, data);
    print_ratios(backends, reference);
    print_features(backends);
}

} // namespace

int main(int argc, char** argv) {
    CLI::App app{"Compares the backends with each other, and with the storage crate before this project. Its stores "
                 "lie in a fresh folder of the current directory, which is removed at the end.",
                 "backend_comparison"};
    std::optional<std::string> names;
    std::optional<std::string> url;
    bool as_json = false;
    app.add_option("--backends", names, "which, separated by commas [all]")->type_name("A,B");
    app.add_option(
           "--database-url", url,
           "postgresql://...: where schemas are made, and removed, for postgres [$DATABASE_URL, which other users "
           "of this machine do not see]")
        ->type_name("URL");
    app.add_flag("--json", as_json, "the figures as one JSON object");
    return examples::run_program(app, argc, argv, [&] { run(names, url, as_json); });
}
