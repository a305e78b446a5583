#include "storage/rocksdb/settings.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/convenience.h>
#include <rocksdb/env.h>
#include <rocksdb/file_checksum.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>
#include <rocksdb/utilities/table_properties_collectors.h>

#include <algorithm>
#include <cstdarg>
#include <cstddef>
#include <memory>

namespace storage::rocksdb {

namespace {

using keyed::Table;

constexpr std::size_t write_buffers = 32 * mebibyte; // of all tables together, from where on they are written out
constexpr std::size_t fingerprint_size = 8;

// RocksDB would go on by itself after an error; who has heard of it must decide.
class NoRecovery final : public ::rocksdb::EventListener {
  public:
    void OnErrorRecoveryBegin(::rocksdb::BackgroundErrorReason /*reason*/, ::rocksdb::Status /*error*/,
                              bool* auto_recovery) override {
        *auto_recovery = false;
    }
};

// RocksDB's own log would be a file on the same disk, and its next line after one that found no space ends the process
// where RocksDB is built with its assertions, as Debian's is. What matters comes back as a result, too.
class NoLog final : public ::rocksdb::Logger {
  public:
    using Logger::Logv;
    void Logv(const char* /*format*/, va_list /*arguments*/) override {}
};

bool has_lz4() {
    const auto supported = ::rocksdb::GetSupportedCompressions();
    return std::ranges::find(supported, ::rocksdb::kLZ4Compression) != supported.end();
}

} // namespace

::rocksdb::DBOptions database_options() {
    ::rocksdb::DBOptions options;
    options.create_if_missing = false;
    options.paranoid_checks = true;
    // A record torn at the end of the last log was never acknowledged; anything else that is damaged is not passed
    // over.
    options.wal_recovery_mode = ::rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
    options.track_and_verify_wals_in_manifest = true;
    options.avoid_flush_during_recovery = false; // what was read of a log is written anew, and synced, before it counts
    options.file_checksum_gen_factory = ::rocksdb::GetFileChecksumGenCrc32cFactory();
    options.max_bgerror_resume_count = 0;
    options.listeners = {std::make_shared<NoRecovery>()};
    options.db_write_buffer_size = write_buffers;
    options.max_total_wal_size = 4 * write_buffers;
    options.max_open_files = 256;
    options.max_file_opening_threads = 1; // by default sixteen are started for each table at each opening
    options.max_background_jobs = 2;
    options.bytes_per_sync = mebibyte;
    options.info_log = std::make_shared<NoLog>();
    return options;
}

::rocksdb::ColumnFamilyOptions table_options(Table table, const std::shared_ptr<::rocksdb::Cache>& cache) {
    ::rocksdb::BlockBasedTableOptions blocks;
    blocks.cache_index_and_filter_blocks = true;
    blocks.pin_l0_filter_and_index_blocks_in_cache = true;
    blocks.format_version = 5;
    blocks.block_cache = cache;
    ::rocksdb::ColumnFamilyOptions options;
    options.write_buffer_size = write_buffer;
    options.max_write_buffer_number = buffers_of_table;
    options.compression = has_lz4() ? ::rocksdb::kLZ4Compression : ::rocksdb::kNoCompression;
    if (table == Table::fingerprints) { // most of what is looked up is not there
        options.prefix_extractor.reset(::rocksdb::NewFixedPrefixTransform(fingerprint_size));
        options.memtable_prefix_bloom_size_ratio = 0.1;
        options.compression = ::rocksdb::kNoCompression;
        blocks.filter_policy.reset(::rocksdb::NewBloomFilterPolicy(10));
        blocks.whole_key_filtering = false;
    } else {
        // What is taken out at the front would otherwise stay where nothing is written any more.
        options.table_properties_collector_factories = {::rocksdb::NewCompactOnDeletionCollectorFactory(16'384, 8'192)};
    }
    options.table_factory.reset(::rocksdb::NewBlockBasedTableFactory(blocks));
    return options;
}

std::shared_ptr<::rocksdb::Cache> new_cache() {
    return ::rocksdb::NewLRUCache(block_cache);
}

::rocksdb::WriteOptions write_options() {
    ::rocksdb::WriteOptions options;
    options.sync = true;
    options.memtable_insert_hint_per_batch = true; // batches are sorted
    return options;
}

} // namespace storage::rocksdb
