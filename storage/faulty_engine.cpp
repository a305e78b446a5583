#include "storage/faulty_engine.hpp"

namespace storage {

Result<Contents> FaultyEngine::load() {
    return with_faults(hook_, "load", [&] { return engine_->load(); });
}

Result<void> FaultyEngine::write(const Transaction& transaction) {
    return with_faults(hook_, "write", [&] { return engine_->write(transaction); });
}

Result<std::vector<LogEntry>> FaultyEngine::read(Position first, Position last, std::size_t limit) const {
    return with_faults(hook_, "read", [&] { return engine_->read(first, last, limit); });
}

Result<std::vector<LogEntry>> FaultyEngine::read_stream(std::uint32_t stream, std::uint64_t first,
                                                        std::uint64_t last) const {
    return with_faults(hook_, "read_stream", [&] { return engine_->read_stream(stream, first, last); });
}

Result<std::vector<LogEntry>> FaultyEngine::scan(const RecordScan& scan) const {
    return with_faults(hook_, "scan", [&] { return engine_->scan(scan); });
}

Result<std::vector<HourRow>> FaultyEngine::hours(const HourScan& scan) const {
    return with_faults(hook_, "hours", [&] { return engine_->hours(scan); });
}

Result<bool> FaultyEngine::has_entries(std::uint32_t channel, Milliseconds first_time, Milliseconds last_time,
                                       Position cut) const {
    return with_faults(hook_, "has_entries", [&] { return engine_->has_entries(channel, first_time, last_time, cut); });
}

Result<std::vector<Position>> FaultyEngine::find(std::uint64_t fingerprint, Position cut) const {
    return with_faults(hook_, "find", [&] { return engine_->find(fingerprint, cut); });
}

Result<void> FaultyEngine::close() {
    return with_faults(hook_, "close", [&] { return engine_->close(); });
}

} // namespace storage
