// libpq as values. No other file talks to the server: here its answers become errors of ours. Nothing blocks but in
// poll(), beside an alarm: a server that does not answer is waited for until that rings, or nobody wants to go on
// waiting.
#pragma once

#include "protocol/primitives.hpp"
#include "storage/error.hpp"
#include "storage/fault.hpp"
#include "storage/postgres/alarm.hpp"
#include "storage/postgres/target.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct pg_conn;
struct pg_result;

namespace storage::postgres {

// What a statement has given, row after row: behind next(), its columns count from 0. Texts and bytes are valid while
// this is.
class Rows {
  public:
    explicit Rows(pg_result* result) : result_{result, &clear} {}

    bool next();
    [[nodiscard]] std::uint64_t integer(int column) const; // of any width, extended by its sign
    [[nodiscard]] double real(int column) const;
    [[nodiscard]] std::string_view text(int column) const;
    [[nodiscard]] protocol::ByteView bytes(int column) const; // empty for NULL
    [[nodiscard]] bool is_null(int column) const;

    // Rows that a statement without rows has changed.
    [[nodiscard]] std::uint64_t changes() const;

  private:
    static void clear(pg_result* result);

    std::unique_ptr<pg_result, void (*)(pg_result*)> result_;
    int row_ = -1;
};

// A statement that is prepared where it is used first, and the values for its $1, $2, ...
struct Question {
    const std::string& sql;
    std::vector<std::int64_t> values;
};

// One session, for one thread at a time. A call that fails for want of an answer leaves it lost; those after it fail.
class Connection {
  public:
    // One attempt. `goes_on` is asked now and then while this or a later call waits, and ends it by saying no. A
    // refusal that waiting does not change is `unusable`, all else `unavailable`.
    static Result<std::unique_ptr<Connection>> open(const Target& target, Alarm& alarm, FaultHook faults,
                                                    std::function<bool()> goes_on);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    Connection(Connection&&) = delete;
    Connection& operator=(Connection&&) = delete;

    // Statements, one or several; what the last of them gave, as text.
    Result<Rows> execute(const std::string& sql);

    // Statements of which some are COPY ... FROM STDIN: each is fed the next of `copies`.
    Result<void> copy(const std::string& sql, std::span<const protocol::Bytes> copies);

    // `unknown` where it is not certain what has become of it, also if there is but a warning.
    Result<void> commit();

    // What each gives, in binary, all in one exchange; within one transaction, unless one has begun already.
    Result<std::vector<Rows>> ask(std::span<const Question> questions);

    [[nodiscard]] int server_version() const;
    [[nodiscard]] int process() const; // of the server, that serves this session
    [[nodiscard]] bool is_lost() const { return handle_ == nullptr; }
    // SQLSTATE of the last error; empty if the server gave none.
    [[nodiscard]] const std::string& last_state() const { return last_state_; }

    void drop() { handle_.reset(); }

  private:
    struct Closer {
        void operator()(pg_conn* handle) const;
    };

    Connection(std::string place, Alarm& alarm, FaultHook faults, std::function<bool()> goes_on);

    Result<void> connect(const Target& target);
    Result<void> begin_session();
    // False after a tick in which nothing came.
    Result<bool> wait_a_tick(short events);
    Result<void> wait(short events);
    Result<void> flush();
    Result<pg_result*> next_result();
    Result<pg_result*> run(const std::string& sql, std::span<const protocol::Bytes> copies);
    Result<void> feed(protocol::ByteView bytes);
    Result<void> send(const Question& question);
    Result<std::vector<Rows>> gather(std::size_t questions);
    Result<void> commit_plainly();
    template <class Call> auto with_faults(std::string_view name, Call call) -> decltype(call());
    std::unexpected<StorageError> lost(std::string_view why);
    std::unexpected<StorageError> refused(const pg_result* result);
    static void on_notice(void* self, const pg_result* result);

    std::string place_;
    Alarm& alarm_;
    FaultHook faults_;
    std::function<bool()> goes_on_;
    std::unique_ptr<pg_conn, Closer> handle_;
    std::map<std::string, std::string> prepared_; // statements, and their names
    std::string last_state_;
    std::string warning_; // the last
};

} // namespace storage::postgres
