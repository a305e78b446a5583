// How RocksDB is told to work: nothing is lost silently, nothing is tried again behind the engine's back, and memory
// has a bound.
#pragma once

#include "storage/keyed/batch.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/options.h>

#include <cstddef>
#include <memory>

namespace storage::rocksdb {

inline constexpr std::size_t mebibyte = std::size_t{1} << 20U;
inline constexpr std::size_t block_cache = 64 * mebibyte; // of all tables, with the indexes and filters
inline constexpr std::size_t write_buffer = 16 * mebibyte;
inline constexpr int buffers_of_table = 3; // when so many are full, writing waits

::rocksdb::DBOptions database_options();
// Of all tables of a store.
std::shared_ptr<::rocksdb::Cache> new_cache();
::rocksdb::ColumnFamilyOptions table_options(keyed::Table table, const std::shared_ptr<::rocksdb::Cache>& cache);
::rocksdb::WriteOptions write_options();

} // namespace storage::rocksdb
