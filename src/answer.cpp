#include "src/answer.hpp"

#include "protocol/codec.hpp"
#include "protocol/error_codes.hpp"
#include "protocol/frame.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

namespace role {

namespace codes = protocol::error_codes;

namespace {

constexpr std::size_t max_page = std::size_t{64} * 1024;
constexpr std::size_t page_overhead = 512; // of the fields beside the list
constexpr std::size_t max_hashes = 1000;
constexpr std::size_t max_names =
    (max_page - page_overhead) / 256; // a channel's name is at most 255 bytes and a length
constexpr std::size_t max_streams = (max_page - page_overhead) / (2 + 1 + 64 + 24);

struct Problem {
    std::string_view code;
    std::string detail;
};
template <class T> using Answer = std::expected<T, Problem>;

std::unexpected<Problem> invalid(std::string detail) {
    return std::unexpected(Problem{codes::invalid_request, std::move(detail)});
}

std::unexpected<Problem> failed(const storage::StorageError& error) {
    return std::unexpected(
        Problem{codes::storage_unavailable, fmt::format("{}: {}", to_text(error.kind), error.detail)});
}

// A cursor is ours to read and the peer's to repeat: whatever else comes back is refused, and harms nobody. The first
// byte tells the lists apart.
struct ShareCursorFields {
    static constexpr std::uint8_t list_number = 1;
    std::uint8_t list = list_number;
    std::uint64_t dataset_id = 0;
    storage::ShareCursor cursor;

    static constexpr auto fields(auto& s) {
        return std::tuple{protocol::Field{"list", s.list}, protocol::Field{"dataset_id", s.dataset_id},
                          protocol::Field{"cut", s.cursor.cut}, protocol::Field{"time", s.cursor.time},
                          protocol::Field{"position", s.cursor.position}};
    }
};

// A list that is ordered by names goes on behind the last one.
struct StreamCursorFields {
    static constexpr std::uint8_t list_number = 2;
    std::uint8_t list = list_number;
    std::uint64_t dataset_id = 0;
    protocol::Str0_255 identity;
    std::uint64_t stream_id = 0;

    static constexpr auto fields(auto& s) {
        return std::tuple{protocol::Field{"list", s.list}, protocol::Field{"dataset_id", s.dataset_id},
                          protocol::Field{"identity", s.identity}, protocol::Field{"stream_id", s.stream_id}};
    }
};

template <class Fields>
Answer<std::optional<Fields>> read_cursor(const storage::Store& store, const protocol::B0_255& cursor) {
    if (cursor.bytes.empty()) return std::nullopt;
    protocol::Reader in{cursor.bytes};
    auto fields = protocol::decode<Fields>(in);
    if (!fields || !in.rest().empty() || fields->list != Fields::list_number ||
        fields->dataset_id != store.data_set().id)
        return std::unexpected(Problem{codes::invalid_cursor, "not a cursor of this list and data set"});
    return *std::move(fields);
}

template <class T> auto encoded(const T& value) {
    return protocol::encode(value).value();
}

std::optional<Problem> check_range(const auto& request) {
    if (request.start && request.end && *request.start > *request.end)
        return Problem{codes::invalid_request, "start lies after end"};
    return std::nullopt;
}

std::optional<Problem> check_channel(const auto& request) {
    if (request.channel_id.text.empty()) return Problem{codes::invalid_request, "channel_id is empty"};
    return std::nullopt;
}

Answer<protocol::GetSharesSuccess> ask(const storage::Store& store, const StoreState&,
                                       const protocol::GetShares& request) {
    if (auto problem = check_channel(request)) return std::unexpected(*std::move(problem));
    if (auto problem = check_range(request)) return std::unexpected(*std::move(problem));
    const auto cursor = read_cursor<ShareCursorFields>(store, request.cursor);
    if (!cursor) return std::unexpected(cursor.error());
    storage::ShareQuery query{.pool = request.pool.text,
                              .channel_id = request.channel_id.text,
                              .range = {request.start, request.end},
                              .after = {},
                              .max_shares = request.limit,
                              .max_bytes = max_page - page_overhead};
    if (*cursor) {
        if ((*cursor)->cursor.cut > store.position())
            return std::unexpected(Problem{codes::invalid_cursor, "a cursor of records to come"});
        query.after = (*cursor)->cursor;
    }
    const auto page = store.shares(query);
    if (!page) return failed(page.error());
    protocol::GetSharesSuccess success{.request_id = request.request_id, .shares = {}, .next_cursor = {}};
    for (const auto& share : page->shares) success.shares.items.push_back({encoded(share)});
    if (page->next)
        success.next_cursor = {encoded(ShareCursorFields{.dataset_id = store.data_set().id, .cursor = *page->next})};
    return success;
}

Answer<protocol::IsShareSeenSuccess> ask(const storage::Store& store, const StoreState&,
                                         const protocol::IsShareSeen& request) {
    if (request.share_hashes.items.size() > max_hashes)
        return invalid(fmt::format("{} hashes, at most {} are taken", request.share_hashes.items.size(), max_hashes));
    const auto seen = store.are_shares_seen(request.pool.text, request.channel_id.text, request.share_hashes.items);
    if (!seen) return failed(seen.error());
    return protocol::IsShareSeenSuccess{.request_id = request.request_id, .seen = {*seen}};
}

Answer<protocol::GetAccountingSuccess> ask(const storage::Store& store, const StoreState&,
                                           const protocol::GetAccounting& request) {
    if (auto problem = check_channel(request)) return std::unexpected(*std::move(problem));
    const auto totals = store.accounting(request.pool.text, request.channel_id.text);
    if (!totals) return failed(totals.error());
    protocol::GetAccountingSuccess success{.request_id = request.request_id, .derived = {}, .reported = {}};
    if (*totals) success.derived = {encoded(**totals)};
    return success;
}

Answer<protocol::GetChannelStatsSuccess> ask(const storage::Store& store, const StoreState&,
                                             const protocol::GetChannelStats& request) {
    if (auto problem = check_channel(request)) return std::unexpected(*std::move(problem));
    if (auto problem = check_range(request)) return std::unexpected(*std::move(problem));
    const auto totals = store.channel_stats(request.pool.text, request.channel_id.text, {request.start, request.end});
    if (!totals) return failed(totals.error());
    return protocol::GetChannelStatsSuccess{.request_id = request.request_id, .totals = {encoded(*totals)}};
}

Answer<protocol::ListChannelsSuccess> ask(const storage::Store& store, const StoreState&,
                                          const protocol::ListChannels& request) {
    // The cursor is the last name itself: a name of 255 bytes leaves no room for anything else.
    const std::string after{request.cursor.bytes.begin(), request.cursor.bytes.end()};
    if (!after.empty()) {
        const auto known = store.accounting(request.pool.text, after);
        if (!known) return failed(known.error());
        if (!*known) return std::unexpected(Problem{codes::invalid_cursor, "not a cursor of this list"});
    }
    auto names = store.channels(request.pool.text, after, max_names);
    if (!names) return failed(names.error());
    protocol::ListChannelsSuccess success{.request_id = request.request_id, .channels = {}, .next_cursor = {}};
    if (names->size() == max_names) success.next_cursor.bytes = {names->back().begin(), names->back().end()};
    for (std::string& name : *names) success.channels.items.push_back({std::move(name)});
    return success;
}

Answer<protocol::GetTotalsSuccess> ask(const storage::Store& store, const StoreState&,
                                       const protocol::GetTotals& request) {
    if (auto problem = check_range(request)) return std::unexpected(*std::move(problem));
    const auto totals = store.totals(request.pool.text, {request.start, request.end});
    if (!totals) return failed(totals.error());
    return protocol::GetTotalsSuccess{.request_id = request.request_id,
                                      .position = totals->position,
                                      .channels = totals->channels,
                                      .totals = {encoded(totals->totals)}};
}

Answer<protocol::ListStreamsSuccess> ask(const storage::Store& store, const StoreState&,
                                         const protocol::ListStreams& request) {
    const auto cursor = read_cursor<StreamCursorFields>(store, request.cursor);
    if (!cursor) return std::unexpected(cursor.error());
    std::optional<storage::StreamName> after;
    if (*cursor) after = storage::StreamName{(*cursor)->identity.text, (*cursor)->stream_id};
    const auto streams = store.streams(request.pool.text, after, max_streams);
    if (!streams) return failed(streams.error());
    protocol::ListStreamsSuccess success{.request_id = request.request_id, .streams = {}, .next_cursor = {}};
    for (const auto& stream : *streams) success.streams.items.push_back({encoded(stream)});
    if (streams->size() == max_streams) {
        const auto& last = streams->back();
        success.next_cursor = {encoded(StreamCursorFields{
            .dataset_id = store.data_set().id, .identity = last.identity, .stream_id = last.stream_id})};
    }
    return success;
}

Answer<protocol::GetHealthSuccess> ask(const storage::Store& store, const StoreState& state,
                                       const protocol::GetHealth& request) {
    const auto health = store.health();
    const std::string& problem = health.error_message.empty() ? state.detail : health.error_message;
    const bool is_healthy = health.is_healthy && state.is_available;
    return protocol::GetHealthSuccess{.request_id = request.request_id,
                                      .is_healthy = is_healthy,
                                      .backend_type = {std::string{store.backend()}},
                                      .connection_status = {is_healthy ? "connected" : "stalled"},
                                      .durability = static_cast<std::uint8_t>(store.durability()),
                                      .last_operation_timestamp = health.last_commit,
                                      .error_message = {problem.substr(0, protocol::Str0_255::max_size)}};
}

} // namespace

protocol::Bytes answer(const storage::Store& store, const StoreState& state, const Request& request) {
    return std::visit(
        [&](const auto& question) {
            const auto success = ask(store, state, question);
            if (!success) return refuse_request(request, success.error().code, success.error().detail);
            return protocol::encode_frame(*success).value();
        },
        request);
}

protocol::Bytes refuse_request(const Request& request, std::string_view code, std::string_view detail) {
    const std::uint32_t id = std::visit([](const auto& question) { return question.request_id; }, request);
    return protocol::encode_frame(
               protocol::Error{.request_id = id,
                               .code = {std::string{code}},
                               .detail = {std::string{detail.substr(0, protocol::Str0_255::max_size)}}})
        .value();
}

} // namespace role
