#include "src/lists.hpp"

#include "protocol/records.hpp"
#include "src/cursor.hpp"
#include "src/encoded.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace role {

namespace {

constexpr std::size_t max_page = std::size_t{64} * 1024;
constexpr std::size_t page_overhead = 512; // of the fields beside the list
constexpr std::size_t max_bytes = max_page - page_overhead;
constexpr std::size_t max_names = max_bytes / 256; // a name is at most 255 bytes and a length
constexpr std::size_t max_streams = max_bytes / (2 + 1 + 64 + 24);
constexpr std::size_t max_hours = max_bytes / (1 + 8 + 1 + 102); // with both of their options, Totals are 102 bytes
constexpr std::size_t max_drifts = 100;

constexpr std::uint64_t milliseconds_per_hour = 3'600'000;

// Whether records of this kind belong to a channel; nothing if there is no such kind.
template <class... R> std::optional<bool> has_channel(std::uint8_t kind, std::type_identity<std::variant<R...>>) {
    std::optional<bool> found;
    ((kind == static_cast<std::uint8_t>(R::kind) ? void(found = protocol::ChannelRecord<R>) : void()), ...);
    return found;
}

Answer<void> check_kind(const protocol::GetRecords& request) {
    const auto has_one = has_channel(request.kind, std::type_identity<protocol::AnyRecord>{});
    if (!has_one) return invalid_request(fmt::format("there are no records of kind {}", request.kind));
    if (*has_one) return check_channel(request);
    if (!request.channel_id.text.empty())
        return invalid_request(fmt::format("records of kind {} belong to no channel", request.kind));
    return {};
}

// The place behind which this page begins.
template <class R>
Answer<std::optional<storage::RecordCursor>> read_record_cursor(const storage::Store& store, const R& request) {
    const auto place = read_cursor<RecordPlace>(store, request);
    if (!place) return std::unexpected(place.error());
    if (!*place) return std::nullopt;
    if ((*place)->cursor.cut > store.position()) return invalid_cursor("a cursor of records to come");
    return (*place)->cursor;
}

template <class Success>
void set_next(Success& success, const storage::Store& store, const auto& request,
              const std::optional<storage::RecordCursor>& next) {
    if (next) success.next_cursor = make_cursor(store, request, RecordPlace{*next});
}

std::string last_name(const protocol::B0_255& cursor) {
    return {cursor.bytes.begin(), cursor.bytes.end()};
}

// The channel that a page ended with; empty on the first one.
Answer<std::string> last_channel(const storage::Store& store, const auto& request) {
    std::string name = last_name(request.cursor);
    if (name.empty()) return name;
    const auto known = store.accounting(request.pool.text, name);
    if (!known) return failed(known.error());
    if (!*known) return invalid_cursor("not a cursor of this list");
    return name;
}

// The same of users: each has an hour, for ever.
Answer<std::string> last_user(const storage::Store& store, const protocol::ListUsers& request) {
    std::string name = last_name(request.cursor);
    if (name.empty()) return name;
    const auto known = store.hours({.pool = request.pool.text,
                                    .subject = protocol::Subject::user,
                                    .subject_id = name,
                                    .range = {},
                                    .after = {},
                                    .limit = 1});
    if (!known) return failed(known.error());
    if (known->empty()) return invalid_cursor("not a cursor of this list");
    return name;
}

// A page of names, which become the answer's `items`; a full one has a next one.
template <class Success>
Answer<Success> list_names(storage::Result<std::vector<std::string>> names, std::uint32_t request_id,
                           protocol::Seq0_64K<protocol::Str0_255> Success::* items) {
    if (!names) return failed(names.error());
    Success success{};
    success.request_id = request_id;
    if (names->size() == max_names) success.next_cursor.bytes = {names->back().begin(), names->back().end()};
    for (std::string& name : *names) (success.*items).items.push_back({std::move(name)});
    return success;
}

} // namespace

Answer<protocol::GetRecordsSuccess> ask(const storage::Store& store, const protocol::GetRecords& request) {
    if (auto fine = check_kind(request); !fine) return std::unexpected(fine.error());
    if (auto fine = check_range(request); !fine) return std::unexpected(fine.error());
    const auto after = read_record_cursor(store, request);
    if (!after) return std::unexpected(after.error());
    const auto page = store.records({.pool = request.pool.text,
                                     .kind = static_cast<protocol::RecordKind>(request.kind),
                                     .channel_id = request.channel_id.text,
                                     .range = {request.start, request.end},
                                     .after = *after,
                                     .limit = {.items = request.limit, .bytes = max_bytes}});
    if (!page) return failed(page.error());
    protocol::GetRecordsSuccess success{.request_id = request.request_id, .records = {}, .next_cursor = {}};
    for (const auto& record : page->records) success.records.items.push_back({encoded(record)});
    set_next(success, store, request, page->next);
    return success;
}

Answer<protocol::GetBlocksSuccess> ask(const storage::Store& store, const protocol::GetBlocks& request) {
    if (auto fine = check_range(request); !fine) return std::unexpected(fine.error());
    const auto after = read_record_cursor(store, request);
    if (!after) return std::unexpected(after.error());
    const auto page = store.blocks({.pool = request.pool.text,
                                    .channel_id = request.channel_id.text,
                                    .range = {request.start, request.end},
                                    .after = *after,
                                    .limit = {.items = request.limit, .bytes = max_bytes}});
    if (!page) return failed(page.error());
    protocol::GetBlocksSuccess success{.request_id = request.request_id, .blocks = {}, .next_cursor = {}};
    for (const auto& block : page->blocks) success.blocks.items.push_back({encoded(block)});
    set_next(success, store, request, page->next);
    return success;
}

Answer<protocol::GetHoursSuccess> ask(const storage::Store& store, const protocol::GetHours& request) {
    const auto subject = static_cast<protocol::Subject>(request.subject);
    if (subject != protocol::Subject::channel && subject != protocol::Subject::user)
        return invalid_request(fmt::format("there is no subject {}", request.subject));
    if (request.subject_id.text.empty()) return invalid_request("subject_id is empty");
    if (auto fine = check_range(request); !fine) return std::unexpected(fine.error());
    const auto place = read_cursor<HourPlace>(store, request);
    if (!place) return std::unexpected(place.error());
    const auto hours = store.hours({.pool = request.pool.text,
                                    .subject = subject,
                                    .subject_id = request.subject_id.text,
                                    .range = {request.start, request.end},
                                    .after = place->transform([](const HourPlace& last) { return last.hour; }),
                                    .limit = max_hours});
    if (!hours) return failed(hours.error());
    protocol::GetHoursSuccess success{.request_id = request.request_id, .hours = {}, .next_cursor = {}};
    for (const auto& [number, totals] : *hours)
        success.hours.items.push_back(
            {encoded(protocol::HourTotals{.start = number * milliseconds_per_hour, .totals = {encoded(totals)}})});
    if (hours->size() == max_hours)
        success.next_cursor = make_cursor(store, request, HourPlace{.hour = hours->back().number});
    return success;
}

Answer<protocol::ListChannelsSuccess> ask(const storage::Store& store, const protocol::ListChannels& request) {
    const auto after = last_channel(store, request);
    if (!after) return std::unexpected(after.error());
    return list_names(store.channels(request.pool.text, *after, max_names), request.request_id,
                      &protocol::ListChannelsSuccess::channels);
}

Answer<protocol::ListUsersSuccess> ask(const storage::Store& store, const protocol::ListUsers& request) {
    const auto after = last_user(store, request);
    if (!after) return std::unexpected(after.error());
    return list_names(store.users(request.pool.text, *after, max_names), request.request_id,
                      &protocol::ListUsersSuccess::users);
}

// A report may be as long as a record: the page ends before one that does not fit, but holds one at least.
Answer<protocol::ListDriftSuccess> ask(const storage::Store& store, const protocol::ListDrift& request) {
    const auto after = last_channel(store, request);
    if (!after) return std::unexpected(after.error());
    const auto drifts = store.drift(request.pool.text, *after, max_drifts);
    if (!drifts) return failed(drifts.error());
    protocol::ListDriftSuccess success{.request_id = request.request_id, .channels = {}, .next_cursor = {}};
    std::size_t bytes = 0;
    auto drift = drifts->begin();
    for (; drift != drifts->end(); ++drift) {
        auto item = encoded(protocol::ChannelDrift{.channel_id = {drift->channel_id},
                                                   .reported = {encoded(drift->report.record)},
                                                   .derived_before = {encoded(drift->report.derived_before)}});
        bytes += protocol::B0_16M::length_width + item.size();
        if (bytes > max_bytes && drift != drifts->begin()) break;
        success.channels.items.push_back({std::move(item)});
    }
    if (drift != drifts->end() || drifts->size() == max_drifts) {
        const std::string& last = std::prev(drift)->channel_id;
        success.next_cursor.bytes = {last.begin(), last.end()};
    }
    return success;
}

Answer<protocol::ListStreamsSuccess> ask(const storage::Store& store, const protocol::ListStreams& request) {
    const auto place = read_cursor<StreamPlace>(store, request);
    if (!place) return std::unexpected(place.error());
    const auto streams = store.streams(request.pool.text, place->transform([](const StreamPlace& last) {
        return storage::StreamName{last.identity.text, last.stream_id};
    }),
                                       max_streams);
    if (!streams) return failed(streams.error());
    protocol::ListStreamsSuccess success{.request_id = request.request_id, .streams = {}, .next_cursor = {}};
    for (const auto& stream : *streams) success.streams.items.push_back({encoded(stream)});
    if (streams->size() == max_streams) {
        const auto& last = streams->back();
        success.next_cursor =
            make_cursor(store, request, StreamPlace{.identity = last.identity, .stream_id = last.stream_id});
    }
    return success;
}

} // namespace role
