#include "storage/keyed/values.hpp"

#include "protocol/codec.hpp"
#include "storage/integrity.hpp"
#include "storage/keyed/keys.hpp"

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace storage::keyed {

namespace {

using protocol::ByteView;
using protocol::Writer;

// What is in each value, in this order; numbers that are in the key are not.
template <class T, class Row>
concept Is = std::same_as<std::remove_const_t<T>, Row>;

auto fields(Is<StoreRow> auto& r) {
    return std::tie(r.mark, r.version, r.data_set.id, r.data_set.generation, r.fingerprint_key);
}
auto fields(Is<Head> auto& r) {
    return std::tie(r.term, r.position, r.chain, r.removed, r.removed_chain);
}
auto fields(Is<StreamRow> auto& r) {
    return std::tie(r.name.identity, r.name.stream_id, r.pool, r.epoch, r.durable_sequence, r.removed_sequence);
}
auto fields(Is<ChannelRow> auto& r) {
    return std::tie(r.pool, r.channel_id);
}
auto fields(Is<UserRow> auto& r) {
    return std::tie(r.pool, r.user_identity);
}
auto fields(Is<Run> auto& r) {
    return std::tie(r.first, r.chain, r.first_received, r.last_received);
}
auto fields(Is<HourRow> auto& r) {
    return std::tie(r.tally, r.checksum);
}
auto fields(Is<Stretch> auto& r) {
    return std::tie(r.first_position, r.count);
}

void write_field(Writer& out, std::unsigned_integral auto number) {
    out.put_integer<sizeof number>(number);
}
void write_field(Writer& out, const std::string& text) {
    out.put_integer<4>(text.size());
    out.put_text(text);
}
template <std::size_t size> void write_field(Writer& out, const std::array<std::uint8_t, size>& bytes) {
    out.put(bytes);
}
void write_field(Writer& out, const Tally& tally) {
    protocol::put(out, tally);
}

template <std::unsigned_integral Integer> void read_field(protocol::Reader& in, Integer& number) {
    number = static_cast<Integer>(in.take_integer<sizeof number>());
}
void read_field(protocol::Reader& in, std::string& text) {
    const ByteView bytes = in.take(in.take_integer<4>());
    text.assign(bytes.begin(), bytes.end());
}
template <std::size_t size> void read_field(protocol::Reader& in, std::array<std::uint8_t, size>& bytes) {
    std::ranges::copy(in.take(size), bytes.begin());
}
void read_field(protocol::Reader& in, Tally& tally) {
    protocol::get(in, tally);
}

void write_fields(Writer& out, const auto& row) {
    std::apply([&](const auto&... field) { (write_field(out, field), ...); }, fields(row));
}

// Into `row`, all of the value; `what` it should be.
template <class Row> Result<Row> read_fields(Row row, ByteView value, std::string_view what) {
    protocol::Reader in{value};
    std::apply([&](auto&... field) { (read_field(in, field), ...); }, fields(row));
    if (!in.error() && in.rest().empty()) return row;
    std::string detail{"the row of "};
    detail.append(what).append(" is damaged");
    return std::unexpected(StorageError{.kind = StorageError::Kind::corrupt, .detail = std::move(detail)});
}

} // namespace

void put(Writer& out, const StoreRow& row) {
    write_fields(out, row);
}
void put(Writer& out, const Head& head) {
    write_fields(out, head);
}
void put(Writer& out, const StreamRow& row) {
    write_fields(out, row);
}
void put(Writer& out, const ChannelRow& row) {
    write_fields(out, row);
}
void put(Writer& out, const UserRow& row) {
    write_fields(out, row);
}
void put(Writer& out, const Run& run) {
    write_fields(out, run);
}
void put(Writer& out, const HourRow& row) {
    write_fields(out, row);
}
void put(Writer& out, const Stretch& stretch) {
    write_fields(out, stretch);
}

Result<StoreRow> store_row(ByteView value) {
    return read_fields(StoreRow{}, value, "the store itself");
}
Result<Head> head(ByteView value) {
    return read_fields(Head{}, value, "the log's head");
}
Result<StreamRow> stream_row(ByteView key, ByteView value) {
    StreamRow row;
    row.number = number_in<std::uint32_t>(key, 1);
    return read_fields(std::move(row), value, "a stream");
}
Result<ChannelRow> channel_row(ByteView key, ByteView value) {
    ChannelRow row;
    row.number = number_in<std::uint32_t>(key, 1);
    return read_fields(std::move(row), value, "a channel");
}
Result<UserRow> user_row(ByteView key, ByteView value) {
    UserRow row;
    row.number = number_in<std::uint32_t>(key, 1);
    return read_fields(std::move(row), value, "a user");
}
Result<Run> run(ByteView key, ByteView value) {
    Run run;
    run.last = number_in<Position>(key, 1);
    return read_fields(run, value, "a run of records");
}
Result<HourRow> hour_row(ByteView key, ByteView value) {
    HourRow row;
    row.subject = static_cast<protocol::Subject>(number_in<std::uint8_t>(key, 1));
    row.number = number_in<std::uint32_t>(key, 2);
    row.hour = number_in<std::uint32_t>(key, 6);
    row.run = number_in<Position>(key, 10);
    return read_fields(row, value, "an hour's sums");
}
Result<Stretch> stretch(ByteView key, ByteView value) {
    Stretch stretch;
    stretch.stream = number_in<std::uint32_t>(key, 1);
    stretch.first_sequence = number_in<std::uint64_t>(key, 5);
    return read_fields(stretch, value, "a stretch of a stream");
}

// The channel is there twice, as no checksum covers it.
void put(Writer& out, const LogEntry& entry) {
    std::array<std::uint8_t, 45> row{};
    auto* end = row.begin();
    const auto add = [&](std::unsigned_integral auto number) {
        for (std::size_t i = 0; i < sizeof number; ++i) *end++ = static_cast<std::uint8_t>(number >> (8 * i));
    };
    add(entry.stream);
    add(entry.sequence);
    add(entry.received_at);
    add(std::to_underlying(entry.verdict));
    add(entry.checksum);
    add(entry.channel);
    add(~entry.channel);
    add(entry.time);
    out.put(row);
    out.put(entry.bytes);
}

Result<LogEntry> log_entry(ByteView key, ByteView value) {
    LogEntry entry;
    entry.position = number_in<Position>(key, 0);
    protocol::Reader in{value};
    read_field(in, entry.stream);
    read_field(in, entry.sequence);
    read_field(in, entry.received_at);
    entry.verdict = static_cast<protocol::Verdict>(in.take_integer<1>());
    read_field(in, entry.checksum);
    read_field(in, entry.channel);
    std::uint32_t again = 0;
    read_field(in, again);
    read_field(in, entry.time);
    if (in.error() || again != ~entry.channel) return std::unexpected(corrupt_at(entry.position, "its row is damaged"));
    entry.bytes.assign(in.rest().begin(), in.rest().end());
    if (auto read = protocol::read_record(entry.bytes)) entry.content = *std::move(read);
    return entry;
}

} // namespace storage::keyed
