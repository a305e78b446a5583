// A store in a folder of its own, what is in it, and who else has it open.
#pragma once

#include "storage/sqlite/sqlite_engine.hpp"
#include "tests/storage/engine_scene.hpp"

#include <sqlite3.h>

#include <memory>
#include <string>

namespace sqlite_scene {

using namespace engine_scene;
using storage::open_sqlite;

inline std::unique_ptr<Engine> open(const fs::path& file) {
    auto engine = open_sqlite(file);
    REQUIRE_MESSAGE(engine, (engine ? "" : engine.error().detail));
    return *std::move(engine);
}

inline Kind error_of_opening(const fs::path& file) {
    return kind(open_sqlite(file));
}

// A person at the sqlite3 prompt, or another role.
class Prompt {
  public:
    explicit Prompt(const fs::path& file) {
        REQUIRE(sqlite3_open(file.c_str(), &handle_) == SQLITE_OK);
        sqlite3_busy_timeout(handle_, 30'000);
    }
    Prompt(const Prompt&) = delete;
    Prompt& operator=(const Prompt&) = delete;
    ~Prompt() { sqlite3_close(handle_); }

    // A line for each row, its columns separated as the sqlite3 program does.
    std::string run(const std::string& sql) {
        std::string out;
        const auto print = [](void* to, int columns, char** values, char**) {
            for (int i = 0; i < columns; ++i)
                static_cast<std::string*>(to)
                    ->append(values[i] == nullptr ? "NULL" : values[i])
                    .append(i + 1 < columns ? "|" : "\n");
            return 0;
        };
        REQUIRE_MESSAGE(sqlite3_exec(handle_, sql.c_str(), print, &out, nullptr) == SQLITE_OK, sqlite3_errmsg(handle_));
        return out;
    }

  private:
    sqlite3* handle_ = nullptr;
};

} // namespace sqlite_scene
