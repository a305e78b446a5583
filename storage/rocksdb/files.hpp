// The files of a store, opened by RocksDB, and its tables in them. Errors are RocksDB's.
#pragma once

#include "protocol/primitives.hpp"
#include "storage/keyed/batch.hpp"

#include <rocksdb/db.h>
#include <rocksdb/options.h>

#include <array>
#include <filesystem>
#include <memory>

namespace storage::rocksdb {

::rocksdb::Slice slice(protocol::ByteView bytes);
protocol::ByteView view(const ::rocksdb::Slice& slice);

class Files {
  public:
    Files() = default;
    Files(const Files&) = delete;
    Files& operator=(const Files&) = delete;
    Files(Files&&) = delete;
    Files& operator=(Files&&) = delete;
    ~Files();

    ::rocksdb::Status open(const ::rocksdb::DBOptions& options, const std::filesystem::path& folder);
    ::rocksdb::Status close();
    [[nodiscard]] bool are_open() const { return database_ != nullptr; }

    // All that is in the log alone, into sorted files: they are opened without it.
    ::rocksdb::Status flush();

    ::rocksdb::Status write(const keyed::Batch& batch); // durable
    ::rocksdb::Status get(keyed::Table table, protocol::ByteView key, ::rocksdb::PinnableSlice& value);

    [[nodiscard]] ::rocksdb::DB& database() const { return *database_; }
    [[nodiscard]] ::rocksdb::ColumnFamilyHandle* table(keyed::Table table) const {
        return tables_.at(static_cast<std::size_t>(table));
    }

  private:
    std::unique_ptr<::rocksdb::DB> database_;
    std::array<::rocksdb::ColumnFamilyHandle*, keyed::table_names.size()> tables_{};
};

} // namespace storage::rocksdb
