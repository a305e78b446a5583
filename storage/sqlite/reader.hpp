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

    // Each of the log at one moment.
    Result<Contents> contents();
    Result<std::vector<LogEntry>> read(Position first, Position last, std::size_t limit);
    Result<std::vector<LogEntry>> read_stream(std::uint32_t stream, std::uint64_t first, std::uint64_t last);
    Result<std::vector<Position>> find(std::uint64_t fingerprint, Position cut);
    Result<std::vector<LogEntry>> scan(const RecordScan& scan) { return entries_.scan(scan); }
    Result<bool> has_any(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time, Position cut) {
        return entries_.has_any(channel, first_time, last_time, cut);
    }
    Result<std::vector<HourRow>> hours(const HourScan& scan) { return runs_.hours(scan); }

  private:
    explicit Reader(std::unique_ptr<Database> database);

    // What takes several statements. One alone sees the log at one moment by itself.
    template <class Question> auto in_transaction(Question question) -> decltype(question()) {
        if (const auto begun = begin_.execute(); !begun) return std::unexpected(begun.error());
        auto answer = question();
        while (database_->is_in_transaction())
            if (const auto done = rollback_.execute(); !done && done.error().kind != StorageError::Kind::unavailable)
                return std::unexpected(done.error());
        return answer;
    }
    Result<Contents> read_contents();
    Result<void> read_data_set(Contents& contents);
    Result<void> read_head(Contents& contents);
    Result<void> read_names(Contents& contents);
    Result<std::vector<LogEntry>> read_stretches(std::uint32_t stream, std::uint64_t first, std::uint64_t last);

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
        auto answer = question(**reader);
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
