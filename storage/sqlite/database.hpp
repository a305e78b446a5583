// SQLite's C interface as values. No other file calls it: here its results become errors of ours.
#pragma once

#include "protocol/primitives.hpp"
#include "storage/error.hpp"
#include "storage/sql/columns.hpp"

#include <sqlite3.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace storage::sqlite {

enum class Use : std::uint8_t {
    read,
    write,
    create, // as write, and makes the file
};

// How long a connection waits for another's lock: a person at the sqlite3 prompt may hold one for a moment.
inline constexpr int patience_ms = 1000;

enum class Checkpoint : std::uint8_t {
    passive,  // what can be done without waiting
    restart,  // waits for readers, so that the next commit writes the journal from its beginning
    truncate, // and leaves no journal
};

using sql::join;

// One connection, for one thread at a time; interrupt() alone may come from another.
class Database {
  public:
    static Result<std::unique_ptr<Database>> open(const std::filesystem::path& file, Use use);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;
    Database(Database&&) = delete;
    Database& operator=(Database&&) = delete;

    // Statements without a result, one or several.
    Result<void> execute(const char* sql);

    [[nodiscard]] bool is_read_only() const;
    [[nodiscard]] bool is_in_transaction() const;
    // Rows that the last statement inserted or changed.
    [[nodiscard]] std::int64_t changes() const;

    // Pages in the write-ahead journal after the last commit.
    [[nodiscard]] int journal_pages() const { return journal_pages_; }
    Result<void> checkpoint(Checkpoint how);
    // Other than patience_ms.
    void set_patience(int milliseconds);
    // Closing writes nothing any more.
    void leave_journal();

    void interrupt();

  private:
    friend class Statement;
    friend class Rows;

    struct Closer {
        void operator()(sqlite3* handle) const { sqlite3_close(handle); }
    };

    Database(std::filesystem::path file, Use use) : file_{std::move(file)}, use_{use} {}

    [[nodiscard]] StorageError error(int code) const;
    [[nodiscard]] StorageError error(int code, int system_error) const;

    std::filesystem::path file_;
    Use use_;
    std::unique_ptr<sqlite3, Closer> handle_;
    int journal_pages_ = 0;
};

class Statement;

// One run of a statement, which is free again when this goes.
class Rows {
  public:
    Rows(Rows&& other) noexcept : statement_{std::exchange(other.statement_, nullptr)} {}
    Rows& operator=(Rows&&) = delete;
    Rows(const Rows&) = delete;
    Rows& operator=(const Rows&) = delete;
    ~Rows();

    // Whether there is another row. The columns count from 0; texts and bytes are valid until the next call.
    Result<bool> next();

    [[nodiscard]] std::uint64_t integer(int column) const; // a U64 in two's complement
    [[nodiscard]] double real(int column) const;
    [[nodiscard]] std::string_view text(int column) const;
    [[nodiscard]] protocol::ByteView bytes(int column) const; // empty for NULL
    [[nodiscard]] bool is_null(int column) const;

  private:
    friend class Statement;
    explicit Rows(Statement& statement) : statement_{&statement} {}

    Statement* statement_;
};

// Calls `each` for every row.
template <class Each> Result<void> for_each_row(Rows rows, Each each) {
    for (;;) {
        const auto row = rows.next();
        if (!row) return std::unexpected(row.error());
        if (!*row) return {};
        each(rows);
    }
}

// Prepared at its first run. The database must outlive it.
class Statement {
  public:
    Statement(Database& database, std::string sql) : database_{database}, sql_{std::move(sql)} {}

    // The values for ?1, ?2, ...; texts and bytes are not copied, and must outlive the rows. An error is told by the
    // first next().
    template <class... Values> Rows run(const Values&... values) {
        prepare();
        [&]<int... i>(std::integer_sequence<int, i...>) {
            (bind(i + 1, values), ...);
        }(std::make_integer_sequence<int, sizeof...(values)>{});
        return Rows{*this};
    }

    // For statements without rows.
    template <class... Values> Result<void> execute(const Values&... values) {
        Rows rows = run(values...);
        if (const auto row = rows.next(); !row) return std::unexpected(row.error());
        return {};
    }

  private:
    friend class Rows;

    struct Finalizer {
        void operator()(sqlite3_stmt* handle) const { sqlite3_finalize(handle); }
    };

    void prepare();
    void keep(int code);
    void bind_integer(int parameter, std::int64_t value);
    void bind_null(int parameter);
    void bind(int parameter, double value);
    void bind(int parameter, std::string_view value);
    void bind(int parameter, protocol::ByteView value);
    template <std::integral Integer> void bind(int parameter, Integer value) {
        bind_integer(parameter, static_cast<std::int64_t>(value));
    }
    template <class Value> void bind(int parameter, const std::optional<Value>& value) {
        if (value)
            bind(parameter, *value);
        else
            bind_null(parameter);
    }
    template <class... Values> void bind(int parameter, const std::variant<Values...>& value) {
        std::visit([&](const auto& one) { bind(parameter, one); }, value);
    }

    Database& database_;
    std::string sql_;
    std::unique_ptr<sqlite3_stmt, Finalizer> handle_;
    int first_failure_ = SQLITE_OK;
};

} // namespace storage::sqlite
