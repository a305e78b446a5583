// How the storage crate that this project succeeds uses SQLite: its four tables, one INSERT OR REPLACE in a transaction
// of its own for each record, SQLite's default journal; statements are prepared once. For comparison only.
#pragma once

#include "examples/mock_data.hpp"
#include "examples/questions.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <sqlite3.h>
#include <string>

namespace examples {

class ReferenceWay {
  public:
    explicit ReferenceWay(const std::filesystem::path& file); // made; failures are exceptions, as below

    void store_each(const MockData& data);
    // How many items were answered, as the storage's ask().
    std::size_t ask(const Questions& questions);

  private:
    struct Answer {
        std::size_t rows = 0;
        std::uint64_t first = 0; // the first value of the last row, if it is an integer
        std::string last;        // its last value, if that is text or bytes
    };
    struct Close {
        void operator()(sqlite3* database) const { sqlite3_close(database); }
        void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
    };

    template <class... Values> Answer run(const char* sql, const Values&... values);
    sqlite3_stmt* prepared(const char* sql);
    void check(int result) const;

    std::unique_ptr<sqlite3, Close> database_;
    std::map<std::string, std::unique_ptr<sqlite3_stmt, Close>, std::less<>> statements_; // by their text
};

} // namespace examples
