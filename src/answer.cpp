#include "src/answer.hpp"

#include "protocol/error_codes.hpp"
#include "protocol/frame.hpp"
#include "src/encoded.hpp"
#include "src/lists.hpp"
#include "src/problem.hpp"

#include <fmt/format.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace role {

namespace {

constexpr std::size_t max_hashes = 1000;

Answer<protocol::IsShareSeenSuccess> ask(const storage::Store& store, const protocol::IsShareSeen& request) {
    if (request.share_hashes.items.size() > max_hashes)
        return invalid_request(
            fmt::format("{} hashes, at most {} are taken", request.share_hashes.items.size(), max_hashes));
    const auto seen = store.are_shares_seen(request.pool.text, request.channel_id.text, request.share_hashes.items);
    if (!seen) return failed(seen.error());
    return protocol::IsShareSeenSuccess{.request_id = request.request_id, .seen = {*seen}};
}

Answer<protocol::GetAccountingSuccess> ask(const storage::Store& store, const protocol::GetAccounting& request) {
    if (auto fine = check_channel(request); !fine) return std::unexpected(fine.error());
    const auto accounting = store.accounting(request.pool.text, request.channel_id.text);
    if (!accounting) return failed(accounting.error());
    protocol::GetAccountingSuccess success{
        .request_id = request.request_id, .derived = {}, .reported = {}, .derived_before = {}};
    if (!*accounting) return success;
    success.derived = {encoded((*accounting)->derived)};
    if (const auto& report = (*accounting)->reported) {
        success.reported = {encoded(report->record)};
        success.derived_before = {encoded(report->derived_before)};
    }
    return success;
}

Answer<protocol::GetChannelStatsSuccess> ask(const storage::Store& store, const protocol::GetChannelStats& request) {
    if (auto fine = check_channel(request); !fine) return std::unexpected(fine.error());
    if (auto fine = check_range(request); !fine) return std::unexpected(fine.error());
    const auto stats = store.channel_stats(request.pool.text, request.channel_id.text, {request.start, request.end});
    if (!stats) return failed(stats.error());
    return protocol::GetChannelStatsSuccess{.request_id = request.request_id,
                                            .start = stats->range.start,
                                            .end = stats->range.end,
                                            .totals = {encoded(stats->totals)}};
}

Answer<protocol::GetTotalsSuccess> ask(const storage::Store& store, const protocol::GetTotals& request) {
    if (auto fine = check_range(request); !fine) return std::unexpected(fine.error());
    const auto totals = store.totals(request.pool.text, {request.start, request.end});
    if (!totals) return failed(totals.error());
    return protocol::GetTotalsSuccess{.request_id = request.request_id,
                                      .position = totals->position,
                                      .channels = totals->channels,
                                      .start = totals->in_range.range.start,
                                      .end = totals->in_range.range.end,
                                      .totals = {encoded(totals->in_range.totals)}};
}

Answer<protocol::GetHealthSuccess> ask_for_health(const storage::Store& store, const StoreState& state,
                                                  const protocol::GetHealth& request) {
    const auto health = store.health();
    const bool is_healthy = health.is_healthy && state.is_available();
    std::string status = is_healthy ? "connected" : "stalled";
    if (state.kind == StoreState::Kind::failed) status = "failed";
    std::string problem = health.error_message.empty() ? state.detail : health.error_message;
    if (problem.empty() && !health.damage.empty()) problem = "damaged: " + health.damage;
    if (problem.empty()) problem = store.warning();
    return protocol::GetHealthSuccess{.request_id = request.request_id,
                                      .is_healthy = is_healthy,
                                      .backend_type = {std::string{store.backend()}},
                                      .connection_status = {std::move(status)},
                                      .durability = static_cast<std::uint8_t>(store.durability()),
                                      .last_operation_timestamp = health.last_commit,
                                      .error_message = {problem.substr(0, protocol::Str0_255::max_size)}};
}

} // namespace

protocol::Bytes answer(const storage::Store& store, const StoreState& state, const Request& request) {
    return std::visit(
        [&]<class R>(const R& question) {
            const auto success = [&] {
                if constexpr (std::same_as<R, protocol::GetHealth>)
                    return ask_for_health(store, state, question);
                else
                    return ask(store, question);
            }();
            if (!success) return refuse_request(question.request_id, success.error().code, success.error().detail);
            return protocol::encode_frame(*success).value();
        },
        request);
}

protocol::Bytes answer_cleanup(std::uint32_t request_id, const storage::Result<std::uint64_t>& removed_shares) {
    if (!removed_shares) {
        const Problem problem = failed(removed_shares.error()).error();
        return refuse_request(request_id, problem.code, problem.detail);
    }
    return protocol::encode_frame(
               protocol::CleanupOldSharesSuccess{.request_id = request_id, .removed_shares = *removed_shares})
        .value();
}

protocol::Bytes refuse_request(std::uint32_t request_id, std::string_view code, std::string_view detail) {
    return protocol::encode_frame(
               protocol::Error{.request_id = request_id,
                               .code = {std::string{code}},
                               .detail = {std::string{detail.substr(0, protocol::Str0_255::max_size)}}})
        .value();
}

} // namespace role
