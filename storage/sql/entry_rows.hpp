// Log entries out of rows. The bytes of a record are not stored: its columns encoded again are those bytes.
#pragma once

#include "protocol/records.hpp"
#include "storage/engine.hpp"
#include "storage/error.hpp"
#include "storage/sql/columns.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <utility>

namespace storage::sql {

inline constexpr std::string_view common_columns = "position, stream, sequence, received_at, verdict, checksum";

// In the order in which they are written and read; the name of the channel, where the kind has one, comes last.
template <protocol::Record R> std::string columns() {
    return join({common_columns, ", channel, time, ", names_of<R>(), ", extra"});
}

// Of the kind in AnyRecord; behind the last for one that is reserved.
inline std::size_t place_of(protocol::RecordKind kind) {
    const auto kinds = for_each_kind([]<protocol::Record R> { return R::kind; });
    return static_cast<std::size_t>(std::ranges::find(kinds, kind) - kinds.begin());
}

template <class Rows> void read_common(Columns<Rows>& columns, LogEntry& entry) {
    entry.position = columns.integer();
    entry.stream = columns.template integer<std::uint32_t>();
    entry.sequence = columns.integer();
    entry.received_at = columns.integer();
    entry.verdict = static_cast<protocol::Verdict>(columns.template integer<std::uint8_t>());
    entry.checksum = columns.integer();
}

// Into an entry that is where it stays: it is large, and moved only when its vector grows.
template <protocol::Record R, class Rows> Result<void> read_record(const Rows& rows, LogEntry& entry) {
    Columns columns{rows};
    read_common(columns, entry);
    entry.channel = columns.template integer<std::uint32_t>();
    entry.time = columns.integer();
    protocol::ReadRecord& content = entry.content.emplace();
    R& record = content.record.template emplace<R>();
    columns.fields(record);
    content.extra = columns.bytes();
    content.verdict =
        entry.verdict == protocol::Verdict::above_target ? protocol::Verdict::above_target : protocol::Verdict::stored;
    if constexpr (protocol::ChannelRecord<R>) record.channel_id.text = columns.text();

    auto bytes = protocol::encode_record(record, content.extra);
    if (!bytes || columns.is_damaged())
        return std::unexpected(StorageError{.kind = StorageError::Kind::corrupt,
                                            .detail = join({"the record at position ", std::to_string(entry.position),
                                                            " has fields that no record can have"})});
    entry.bytes = *std::move(bytes);
    return {};
}

template <class Rows> Result<void> read_refused(const Rows& rows, LogEntry& entry) {
    Columns columns{rows};
    read_common(columns, entry);
    entry.bytes = columns.bytes();
    return {};
}

} // namespace storage::sql
