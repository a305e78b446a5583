// How the storage crate that this project succeeds stores a share: one INSERT OR REPLACE in a transaction of its own,
// in SQLite's default mode, on two secondary indexes. Prints shares a second, for the disk of the folder it is given.
//   reference_way_bench FOLDER SHARES

#include <sqlite3.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>

namespace {

struct Close {
    void operator()(sqlite3* database) const { sqlite3_close(database); }
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};

void check(int result, sqlite3* database) {
    if (result != SQLITE_OK && result != SQLITE_DONE) throw std::runtime_error{sqlite3_errmsg(database)};
}

double shares_per_second(const std::filesystem::path& file, int shares) {
    std::filesystem::remove(file);
    sqlite3* opened = nullptr;
    sqlite3_open(file.c_str(), &opened);
    const std::unique_ptr<sqlite3, Close> database{opened};
    check(sqlite3_exec(opened,
                       "CREATE TABLE share_records (id TEXT PRIMARY KEY, channel_id TEXT NOT NULL, share_hash BLOB NOT "
                       "NULL, sequence_number INTEGER NOT NULL, share_work INTEGER NOT NULL, difficulty REAL NOT NULL, "
                       "timestamp INTEGER NOT NULL, accepted BOOLEAN NOT NULL, validation_result TEXT);"
                       "CREATE INDEX by_channel ON share_records (channel_id, timestamp);"
                       "CREATE INDEX by_hash ON share_records (channel_id, share_hash);",
                       nullptr, nullptr, nullptr),
          opened);
    sqlite3_stmt* prepared = nullptr;
    check(sqlite3_prepare_v2(opened,
                             "INSERT OR REPLACE INTO share_records VALUES (?, ?, ?, ?, ?, ?, ?, 1, '\"Valid\"')", -1,
                             &prepared, nullptr),
          opened);
    const std::unique_ptr<sqlite3_stmt, Close> insert{prepared};

    std::mt19937_64 random{1};
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < shares; ++i) {
        const std::string channel = "channel_" + std::to_string(i % 100);
        const std::string id = channel + "_" + std::to_string(i);
        std::array<std::uint64_t, 4> hash{};
        for (auto& part : hash) part = random();
        sqlite3_bind_text(prepared, 1, id.data(), static_cast<int>(id.size()), SQLITE_STATIC);
        sqlite3_bind_text(prepared, 2, channel.data(), static_cast<int>(channel.size()), SQLITE_STATIC);
        sqlite3_bind_blob(prepared, 3, hash.data(), sizeof hash, SQLITE_STATIC);
        sqlite3_bind_int(prepared, 4, i);
        sqlite3_bind_int64(prepared, 5, 1000 + i);
        sqlite3_bind_double(prepared, 6, (1000 + i) / 1000.0);
        sqlite3_bind_int64(prepared, 7, 1'700'000'000 + i);
        check(sqlite3_step(prepared), opened);
        sqlite3_reset(prepared);
    }
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    return shares / seconds.count();
}

} // namespace

int main(int count, char** arguments) {
    if (count != 3) {
        std::cerr << "usage: reference_way_bench FOLDER SHARES\n";
        return 2;
    }
    try {
        const auto rate =
            shares_per_second(std::filesystem::path{arguments[1]} / "reference.db", std::atoi(arguments[2]));
        std::cout << "the reference's way, SQLite, one transaction a share: " << static_cast<long>(rate)
                  << " shares/s\n";
    } catch (const std::exception& failure) {
        std::cerr << failure.what() << '\n';
        return 1;
    }
    return 0;
}
