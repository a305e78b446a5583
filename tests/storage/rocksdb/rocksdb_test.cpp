// What is particular to a store in RocksDB's files: which of them may be missing or damaged, and what is said of it.
#include "storage/log_store.hpp"
#include "storage/rocksdb/files.hpp"
#include "storage/rocksdb/rocksdb_engine.hpp"
#include "storage/rocksdb/settings.hpp"
#include "tests/storage/fixtures.hpp"
#include "tests/storage/keyed/scene.hpp"

#include <algorithm>
#include <vector>

namespace keyed_tests {

const std::string_view name = "rocksdb";

storage::Result<std::unique_ptr<Engine>> open_engine(const fs::path& path) {
    return storage::open_rocksdb(path);
}

storage::Result<std::unique_ptr<KeyValues>> open_values(const fs::path& path) {
    return storage::open_rocksdb_values(path);
}

void change_version(const fs::path& path, int version) {
    std::ofstream{path / "storage-sv2"} << "a store of storage-sv2, schema version " << version << '\n';
}

} // namespace keyed_tests

using namespace keyed_tests;

namespace {

// A store as the role leaves it when it is killed after `commits` of one share each.
fs::path killed_store(const Scene& scene, int commits) {
    const fs::path copy = scene.folder.path() / "killed";
    const auto engine = open(scene.file);
    Log log{*engine};
    for (int i = 0; i < commits; ++i) REQUIRE(engine->write(log.add_shares(1, 1).take()));
    fs::copy(scene.file, copy);
    return copy;
}

// By their numbers, which RocksDB gives in ascending order.
std::vector<fs::path> logs_in(const fs::path& folder) {
    std::vector<fs::path> logs;
    for (const auto& each : fs::directory_iterator{folder})
        if (each.path().extension() == ".log") logs.push_back(each.path());
    std::ranges::sort(logs);
    return logs;
}

// As a role leaves it that is killed when it has stored more than fits into memory: several logs are still needed.
storage::Mark fill_logs(const fs::path& path) {
    const auto store = storage::LogStore::open(open(path));
    REQUIRE(store);
    const auto attached = (*store)->attach({.identity = "a", .stream_id = 1}, "pool");
    for (std::uint64_t number = 1; number <= 24; ++number) {
        const std::vector<protocol::B0_16M> records{{Bytes(1'000'000, static_cast<std::uint8_t>(number))}};
        REQUIRE((*store)->commit(std::vector{fixtures::submission(*attached, number, records)}));
    }
    REQUIRE(logs_in(path).size() >= 2);
    return (*store)->mark();
}

// The last in order of their names.
fs::path file_in(const fs::path& folder, std::string_view beginning, std::string_view ending) {
    std::vector<fs::path> found;
    for (const auto& each : fs::directory_iterator{folder}) {
        const std::string file = each.path().filename();
        if (file.starts_with(beginning) && file.ends_with(ending)) found.push_back(each.path());
    }
    REQUIRE_FALSE(found.empty());
    return *std::ranges::max_element(found);
}

void flip_bit(const fs::path& file, std::size_t place) {
    std::fstream stream{file, std::ios::binary | std::ios::in | std::ios::out};
    stream.seekg(static_cast<std::streamoff>(place));
    const auto byte = static_cast<char>(stream.get() ^ 1);
    stream.seekp(static_cast<std::streamoff>(place));
    stream.put(byte);
}

// A closed store whose records are in sorted files.
void fill(const fs::path& path) {
    {
        const auto engine = open(path);
        Log log{*engine};
        REQUIRE(engine->write(log.add_shares(1, 200).take()));
        REQUIRE(engine->close());
    }
    REQUIRE(open(path)->close()); // reads the log, and writes what it held
}

} // namespace

TEST_CASE("a directory of another program is refused, and nothing in it or beside it is changed") {
    Scene scene;
    fs::create_directory(scene.file);
    std::ofstream{scene.file / "CURRENT"} << "MANIFEST-000001\n";
    const auto before = files_in(scene.file);
    check_refused(scene.file, Kind::foreign, "of another program");
    CHECK(files_in(scene.file) == before);
    CHECK_FALSE(fs::exists(fs::path{scene.file} += ".lock"));
}

TEST_CASE("a file is no place for a store, an empty directory is one") {
    Scene scene;
    std::ofstream{scene.file} << "text";
    check_refused(scene.file, Kind::unusable, "is not a directory");
    fs::remove(scene.file);
    fs::create_directory(scene.file);
    CHECK(head(*open(scene.file)) == 0);
}

TEST_CASE("what a killed creation left is no hindrance; what else lies there is not removed") {
    Scene scene;
    const fs::path draft = fs::path{scene.file} += ".new";
    fs::create_directory(draft);
    std::ofstream{draft / "photographs"} << "x";
    const auto refused = open_engine(scene.file);
    REQUIRE(kind(refused) == Kind::unusable);
    CHECK(refused.error().detail.find("move it away") != std::string::npos);
    CHECK(fs::exists(draft / "photographs"));
    fs::rename(draft / "photographs", draft / "storage-sv2");
    CHECK(head(*open(scene.file)) == 0);
    CHECK_FALSE(fs::exists(draft));
}

TEST_CASE("a log whose end is torn is opened with all that was acknowledged before") {
    Scene scene;
    const fs::path store = killed_store(scene, 50);
    const fs::path log = file_in(store, "", ".log");
    SUBCASE("in the last record") {
        fs::resize_file(log, fs::file_size(log) - 20);
    }
    SUBCASE("at its head") {
        std::ofstream{log, std::ios::app | std::ios::binary} << "\x12\x34\x56";
    }
    const auto engine = open(store);
    CHECK(head(*engine) >= 49);
    check_whole(*engine);
}

TEST_CASE("a bit that has changed in the middle of the log is told, not passed over") {
    Scene scene;
    const fs::path store = killed_store(scene, 200);
    const fs::path log = file_in(store, "", ".log");
    flip_bit(log, fs::file_size(log) / 2);
    check_refused(store, Kind::corrupt, "bring back");
}

TEST_CASE("a log that is missing is told by its name") {
    Scene scene;
    const fs::path store = killed_store(scene, 20);
    fs::remove(file_in(store, "", ".log"));
    check_refused(store, Kind::corrupt, "its write-ahead log is missing (a file whose name ends with .log)");
}

TEST_CASE("of several logs one that was written to the end is missing: the store is refused") {
    const Scene scene;
    fill_logs(scene.file);
    const auto logs = logs_in(scene.file);
    fs::remove(logs.front());
    check_refused(scene.file, Kind::corrupt, "Missing WAL");
}

TEST_CASE("of several logs the one that was being written is missing: a mark that was kept elsewhere tells") {
    const Scene scene;
    const storage::Mark mark = fill_logs(scene.file);
    const auto logs = logs_in(scene.file);
    fs::remove(logs.back());
    const auto store = storage::LogStore::open(open(scene.file));
    REQUIRE(store); // RocksDB does not know that there was one
    CHECK((*store)->position() < mark.position);
    CHECK((*store)->compare(mark).value() == storage::MarkFit::behind);
}

TEST_CASE("a MANIFEST that is missing is told by its name") {
    const Scene scene;
    fill(scene.file);
    const fs::path file = file_in(scene.file, "MANIFEST", "");
    fs::remove(file);
    check_refused(scene.file, Kind::corrupt, file.filename().native());
}

TEST_CASE("a MANIFEST that is damaged is told by its name") {
    const Scene scene;
    fill(scene.file);
    const fs::path file = file_in(scene.file, "MANIFEST", "");
    flip_bit(file, fs::file_size(file) / 2);
    check_refused(scene.file, Kind::corrupt, file.filename().native());
}

TEST_CASE("CURRENT that is missing is told by its name") {
    const Scene scene;
    fill(scene.file);
    fs::remove(scene.file / "CURRENT");
    check_refused(scene.file, Kind::corrupt, "CURRENT");
}

TEST_CASE("a sorted file that is missing or cut short is told by its name") {
    const Scene scene;
    fill(scene.file);
    const fs::path file = file_in(scene.file, "", ".sst");
    SUBCASE("missing") {
        fs::remove(file);
    }
    SUBCASE("cut short") {
        fs::resize_file(file, fs::file_size(file) / 2);
    }
    check_refused(scene.file, Kind::corrupt, file.filename().native());
}

TEST_CASE("a damaged block of a sorted file is never taken for what was written") {
    Scene scene;
    fill(scene.file);
    std::size_t refused = 0;
    for (const auto& each : fs::directory_iterator{scene.file})
        if (each.path().extension() == ".sst") flip_bit(each.path(), 100);
    const auto engine = open_engine(scene.file);
    if (!engine) {
        CHECK(kind(engine) == Kind::corrupt);
        ++refused;
    } else {
        const auto entries = (*engine)->read(1, end_of_numbers, end_of_numbers);
        REQUIRE_FALSE(entries);
        CHECK(entries.error().kind == Kind::corrupt);
        CHECK(entries.error().detail.find(".sst") != std::string::npos);
        ++refused;
    }
    CHECK(refused == 1);
}

TEST_CASE("the store is made and opened with the settings that its promises rest on") {
    const Scene scene;
    REQUIRE(open(scene.file)->close());
    const auto options = files_in(scene.file).at(file_in(scene.file, "OPTIONS", "").filename());
    CAPTURE(options);
    for (const std::string_view setting :
         {"wal_recovery_mode=kTolerateCorruptedTailRecords\n", "paranoid_checks=true\n",
          "track_and_verify_wals_in_manifest=true\n", "avoid_flush_during_recovery=false\n",
          "max_bgerror_resume_count=0\n", "manual_wal_flush=false\n", "checksum=kXXH3\n"}) {
        CAPTURE(setting);
        CHECK(options.find(setting) != std::string::npos);
    }
    CHECK(storage::rocksdb::write_options().sync);
    CHECK_FALSE(storage::rocksdb::write_options().disableWAL);
}

TEST_CASE("memory stays within its bound, whatever is written and read") {
    const Scene scene;
    REQUIRE(open(scene.file)->close());
    storage::rocksdb::Files files;
    REQUIRE(files.open(storage::rocksdb::database_options(), scene.file).ok());
    const auto bytes_of_property = [&](const std::string& property) {
        std::uint64_t bytes = 0;
        REQUIRE(files.database().GetAggregatedIntProperty(property, &bytes));
        return bytes;
    };
    std::uint64_t most = 0;
    constexpr std::uint64_t values = 4000; // of 50 kB that do not compress: 200 MB
    Bytes value(50'000);
    std::uint64_t state = 1;
    Batch batch;
    for (std::uint64_t number = 0; number < values; ++number) {
        for (auto& byte : value) byte = static_cast<std::uint8_t>((state = state * 6364136223846793005U + 1) >> 56U);
        batch.put(Table::log, storage::keyed::log_key(number), [&](protocol::Writer& out) { out.put(value); });
        if (batch.size() < 20) continue;
        REQUIRE(files.write(batch).ok());
        batch.clear();
        most = std::max(most, bytes_of_property("rocksdb.cur-size-all-mem-tables"));
    }
    REQUIRE(files.flush().ok());
    rocksdb::PinnableSlice found;
    for (std::uint64_t number = 0; number < values; ++number) {
        REQUIRE(files.get(Table::log, storage::keyed::log_key(number), found).ok());
        CHECK(found.size() == value.size());
    }
    std::uint64_t cached = 0;
    REQUIRE(files.database().GetIntProperty(files.table(Table::log), "rocksdb.block-cache-usage", &cached));
    constexpr std::size_t batches = 2 * storage::rocksdb::mebibyte; // that go over the edge of a buffer
    CHECK(most <= storage::rocksdb::buffers_of_table * (storage::rocksdb::write_buffer + batches));
    CHECK(cached <= storage::rocksdb::block_cache);
}
