// The one connection that writes, and what becomes of it when a write fails.
#pragma once

#include "storage/engine.hpp"
#include "storage/error.hpp"
#include "storage/sqlite/database.hpp"
#include "storage/sqlite/entries.hpp"
#include "storage/sqlite/runs.hpp"

#include <filesystem>
#include <memory>
#include <optional>
#include <vector>

namespace storage::sqlite {

class Writer {
  public:
    static Result<std::unique_ptr<Writer>> open(const std::filesystem::path& file);

    // From any thread.
    void interrupt() { database_->interrupt(); }

    Result<void> write(const Transaction& transaction);

    // Copies the journal into the database, unless what lies there is in doubt.
    Result<void> finish();

  private:
    explicit Writer(std::unique_ptr<Database> database);

    Result<void> insert(const Transaction& transaction);
    Result<void> replace_head(const Head& expected, const Head& head);
    Result<void> insert(const StreamRow& row);
    Result<void> insert(const std::vector<LogEntry>& entries);
    Result<void> change_runs(const Transaction& transaction);
    void roll_back(StorageError& error);
    void latch(const StorageError& error);
    void keep_journal_short();
    Result<void> restart_journal();

    std::unique_ptr<Database> database_;
    Statement begin_;
    Statement commit_;
    Statement rollback_;
    Statement term_;
    Statement remove_head_;
    Statement head_;
    Statement stream_;
    Statement channel_;
    Statement user_;
    Statement derived_;
    Statement stretch_;
    Statement remove_stretches_;
    EntryWriter entries_;
    RunWriter runs_;
    int checkpointed_pages_ = 0;
    std::optional<StorageError> latched_;
};

} // namespace storage::sqlite
