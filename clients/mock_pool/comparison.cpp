#include "clients/mock_pool/comparison.hpp"

#include "protocol/codec.hpp"
#include "protocol/records.hpp"

#include <fmt/format.h>

#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace mock_pool {

namespace asio = boost::asio;

namespace {

// The kinds of records that belong to a channel, or those that belong to none.
template <class... R>
std::vector<protocol::RecordKind> kinds_that(bool belong_to_channels, std::type_identity<std::variant<R...>>) {
    std::vector<protocol::RecordKind> kinds;
    ((protocol::ChannelRecord<R> == belong_to_channels ? kinds.push_back(R::kind) : void()), ...);
    return kinds;
}
std::vector<protocol::RecordKind> kinds_that(bool belong_to_channels) {
    return kinds_that(belong_to_channels, std::type_identity<protocol::AnyRecord>{});
}

// What the role lists, as it is said to be encoded.
template <protocol::Struct S> S read(const auto& bytes) {
    auto value = protocol::decode<S>(bytes.bytes);
    if (!value) throw std::runtime_error{"the role answered with what cannot be read"};
    return *std::move(value);
}

} // namespace

template <class R> asio::awaitable<typename client::AnswerTo<R>::Type> Comparison::ask(R request) {
    for (;;) {
        auto answer = co_await client_.query(request);
        on_answer_();
        if (answer) co_return *std::move(answer);
        if (answer.error().code != client::ending_codes::disconnected)
            throw std::runtime_error{fmt::format("{}: {}: {}", R::name, answer.error().code, answer.error().detail)};
        co_await client_.wait_until_open();
    }
}

template <class R> asio::awaitable<typename client::AnswerTo<R>::Type> Comparison::next_page(R& request) {
    auto page = co_await client_.next_page(request);
    on_answer_();
    if (!page) throw std::runtime_error{fmt::format("{}: {}: {}", R::name, page.error().code, page.error().detail)};
    co_return *std::move(page);
}

asio::awaitable<void> Comparison::run() {
    std::vector<std::string> channels;
    protocol::ListChannels request;
    do {
        auto page = co_await next_page(request);
        for (auto& channel : page.channels.items) channels.push_back(std::move(channel.text));
    } while (!request.cursor.bytes.empty());
    for (const std::string& channel : channels) co_await compare_channel(channel);
    for (const protocol::RecordKind kind : kinds_that(false)) co_await compare_records(kind, {});
    co_await compare_blocks();
    co_await compare_drift();
    const protocol::GetTotals totals_request;
    const auto totals = co_await ask(totals_request);
    ledger_.see_pool_totals(read<protocol::Totals>(totals.totals));
    co_await compare_streams();
}

asio::awaitable<void> Comparison::compare_channel(std::string channel_id) {
    for (const protocol::RecordKind kind : kinds_that(true)) co_await compare_records(kind, channel_id);
    protocol::GetChannelStats stats_request;
    stats_request.channel_id.text = channel_id;
    const auto stats = co_await ask(stats_request);
    ledger_.see_channel_totals(channel_id, read<protocol::Totals>(stats.totals));
    protocol::GetAccounting accounting_request;
    accounting_request.channel_id.text = channel_id;
    const auto accounting = co_await ask(accounting_request);
    std::optional<protocol::StoredRecord> reported;
    if (!accounting.reported.bytes.empty()) reported = read<protocol::StoredRecord>(accounting.reported);
    ledger_.see_report(channel_id, reported);
}

asio::awaitable<void> Comparison::compare_records(protocol::RecordKind kind, std::string channel_id) {
    protocol::GetRecords request;
    request.kind = static_cast<std::uint8_t>(kind);
    request.channel_id.text = channel_id;
    do {
        const auto page = co_await next_page(request);
        for (const auto& bytes : page.records.items)
            ledger_.see_record(read<protocol::StoredRecord>(bytes), channel_id);
    } while (!request.cursor.bytes.empty());
}

// Behind the records: these tell what blocks there should be.
asio::awaitable<void> Comparison::compare_blocks() {
    protocol::GetBlocks request;
    do {
        const auto page = co_await next_page(request);
        for (const auto& bytes : page.blocks.items) ledger_.see_block(read<protocol::FoundBlock>(bytes));
    } while (!request.cursor.bytes.empty());
}

asio::awaitable<void> Comparison::compare_drift() {
    protocol::ListDrift request;
    do {
        const auto page = co_await next_page(request);
        for (const auto& bytes : page.channels.items)
            ledger_.see_drift(read<protocol::ChannelDrift>(bytes).channel_id.text);
    } while (!request.cursor.bytes.empty());
}

asio::awaitable<void> Comparison::compare_streams() {
    protocol::ListStreams request;
    do {
        const auto page = co_await next_page(request);
        for (const auto& bytes : page.streams.items) ledger_.see_stream(read<protocol::StreamState>(bytes));
    } while (!request.cursor.bytes.empty());
}

} // namespace mock_pool
