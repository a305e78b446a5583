// A connection that answers questions, each of the log at one moment; and a few of them, for any thread.
#pragma once

#include "storage/engine.hpp"
#include "storage/error.hpp"
#include "storage/sqlite/database.hpp"
#include "storage/sqlite/entries.hpp"
#include "storage/sqlite/runs.hpp"

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace storage::sqlite {

class Reader {
  public:
    static Result<std::unique_ptr<Reader>> open(const std::filesystem::path& file);

    // From any thread.
    void interrupt() { database_->interrupt(); }

    // What `question` asks, all of it of the log at one moment.
    template <class Question> auto ask(Question question) -> decltype(question(*this)) {
        if (const auto begun = begin_.execute(); !begun) return std::unexpected(begun.error());
        auto answer = question(*this);
        while (database_->is_in_transaction())
            if (const auto done = rollback_.execute(); !done && done.error().kind != StorageError::Kind::unavailable)
                return std::unexpected(done.error());
        return answer;
    }

    // Inside a question.
    Result<Contents> contents();
    Result<std::vector<LogEntry>> read(Position first, Position last, std::size_t limit);
    Result<std::vector<LogEntry>> read_stream(std::uint32_t stream, std::uint64_t first, std::uint64_t last);
    Result<std::vector<Position>> find(std::uint64_t fingerprint, Position cut);
    EntryReader& entries() { return entries_; }
    RunReader& runs() { return runs_; }

  private:
    explicit Reader(std::unique_ptr<Database> database);

    Result<void> read_data_set(Contents& contents);
    Result<void> read_head(Contents& contents);
    Result<void> read_names(Contents& contents);

    std::unique_ptr<Database> database_;
    Statement begin_;
    Statement rollback_;
    Statement data_set_;
    Statement head_;
    Statement streams_;
    Statement channels_;
    Statement users_;
    Statement derived_;
    Statement stretches_;
    Statement fingerprints_;
    EntryReader entries_;
    RunReader runs_;
};

// Connections are made when they are first needed.
class Readers {
  public:
    explicit Readers(std::filesystem::path file) : file_{std::move(file)} {}

    template <class Question> auto ask(Question question) -> decltype(question(std::declval<Reader&>())) {
        auto reader = take();
        if (!reader) return std::unexpected(reader.error());
        auto answer = (*reader)->ask(std::move(question));
        give_back(**reader);
        return answer;
    }

    void interrupt();
    void close();

  private:
    Result<Reader*> take();
    void give_back(Reader& reader);

    std::filesystem::path file_;
    std::mutex mutex_;
    std::condition_variable returned_;
    std::vector<std::unique_ptr<Reader>> all_;
    std::vector<Reader*> idle_;
};

} // namespace storage::sqlite
