// How RocksDB is told to work: nothing is lost silently, nothing is tried again behind the engine's back, and memory
// has a bound.
#pragma once

#include "storage/keyed/batch.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/options.h>

#include <memory>

namespace storage::rocksdb {

::rocksdb::DBOptions database_options();
// Of all tables of a store.
std::shared_ptr<::rocksdb::Cache> new_cache();
::rocksdb::ColumnFamilyOptions table_options(keyed::Table table, const std::shared_ptr<::rocksdb::Cache>& cache);
::rocksdb::WriteOptions write_options();

} // namespace storage::rocksdb
