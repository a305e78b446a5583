#include "protocol/records.hpp"

#include "protocol/reader.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <concepts>
#include <initializer_list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

namespace protocol {

namespace {

using Check = std::expected<void, Verdict>;

// The length of the UTF-8 sequence at the front of `text`, and its code point; nothing if there is none (RFC 3629: no
// overlong forms, no surrogates, nothing above U+10FFFF).
struct CodePoint {
    char32_t value;
    std::size_t length;
};
std::optional<CodePoint> first_code_point(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
    const std::uint8_t lead = byte(0);
    if (lead < 0x80) return CodePoint{.value = lead, .length = 1};
    const auto length = static_cast<std::size_t>(std::countl_one(lead));
    if (lead < 0xc2 || lead > 0xf4 || text.size() < length) return std::nullopt;
    char32_t value = lead & (0xffU >> (length + 1));
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0U) != 0x80) return std::nullopt;
        value = (value << 6U) | (byte(i) & 0x3fU);
    }
    constexpr std::array<char32_t, 5> lowest{0, 0, 0x80, 0x800, 0x10000};
    if (value < lowest.at(length) || value > 0x10ffff || (value >= 0xd800 && value <= 0xdfff)) return std::nullopt;
    return CodePoint{.value = value, .length = length};
}

bool is_control(char32_t c) {
    return c < 0x20 || (c >= 0x7f && c <= 0x9f);
}

// Most text is ASCII: eight characters at a time, the last filled up with blanks. A character's highest bit is set in
// the word itself if it is not ASCII, in the difference if it lies below a blank, in the sum if it is a delete.
bool is_printable_ascii(std::string_view text) {
    constexpr std::uint64_t ones = 0x0101'0101'0101'0101;
    std::uint64_t found = 0;
    while (!text.empty()) {
        std::array<char, sizeof ones> characters{};
        characters.fill(' ');
        text.remove_prefix(text.copy(characters.data(), characters.size()));
        const auto word = std::bit_cast<std::uint64_t>(characters);
        found |= word | (word - ones * ' ') | (word + ones);
    }
    return (found & (ones * 0x80)) == 0;
}

Check text(const Str0_255& field) {
    if (is_printable_ascii(field.text)) return {};
    for (std::string_view rest{field.text}; !rest.empty();) {
        const auto next = first_code_point(rest);
        if (!next || is_control(next->value)) return std::unexpected(Verdict::invalid_text);
        rest.remove_prefix(next->length);
    }
    return {};
}

Check timestamp(std::uint64_t milliseconds) {
    if (milliseconds > last_timestamp) return std::unexpected(Verdict::invalid_timestamp);
    return {};
}

Check that(bool holds) {
    if (!holds) return std::unexpected(Verdict::invalid_record);
    return {};
}

// Finite and not below 0; -0 is not taken, so that equal difficulties have equal bits.
Check difficulty(std::uint64_t bits) {
    return that(std::isfinite(std::bit_cast<double>(bits)) && (bits >> 63U) == 0);
}

// The first of the checks that does not hold.
Check all(std::initializer_list<Check> checks) {
    const auto* const broken = std::ranges::find_if_not(checks, &Check::has_value);
    return broken == checks.end() ? Check{} : *broken;
}

template <Struct S> std::optional<S> decode_whole(ByteView bytes) {
    Reader in{bytes};
    auto value = decode<S>(in);
    if (!value || !in.rest().empty()) return std::nullopt;
    return *std::move(value);
}

// What the pool claims must not contradict itself: money follows `accepted`, reports follow `outcome`.
Check outcome(const Share& share) {
    const ByteView data{share.outcome_data.bytes};
    switch (static_cast<Outcome>(share.outcome)) {
    case Outcome::none: return that(data.empty());
    case Outcome::valid: return that(data.empty() && share.accepted == 1);
    case Outcome::valid_with_acknowledgment:
        return that(decode_whole<AcknowledgmentOutcome>(data) && share.accepted == 1);
    case Outcome::block_found: return that(decode_whole<BlockFoundOutcome>(data) && share.accepted == 1);
    case Outcome::failed: {
        const auto failed = decode_whole<FailedOutcome>(data);
        if (!failed || share.accepted == 1) return std::unexpected(Verdict::invalid_record);
        return text(failed->error_code);
    }
    }
    return std::unexpected(Verdict::invalid_record);
}

// Hashes and targets are little-endian numbers.
bool is_above(const U256& hash, const U256& target) {
    return std::ranges::lexicographical_compare(target.bytes.rbegin(), target.bytes.rend(), hash.bytes.rbegin(),
                                                hash.bytes.rend());
}

// A refused share may well lie above its target: that is what it was refused for.
bool claims_too_much(const Share& share) {
    return share.accepted == 1 && share.target != U256{} && is_above(share.share_hash, share.target);
}

Check check(const Share& share) {
    return all({that(!share.channel_id.text.empty()), that(share.accepted <= 1), difficulty(share.difficulty),
                outcome(share), text(share.channel_id), text(share.user_identity), text(share.label),
                timestamp(share.timestamp)});
}

Check check(const Block& block) {
    return all({that(!block.channel_id.text.empty()), difficulty(block.difficulty), text(block.channel_id),
                text(block.label), timestamp(block.timestamp)});
}

// Each of the listed structs is whole and alone, and each error_code is not empty, there once, and text: in this order
// over all of them.
Check rejects(const ShareAccounting& report) {
    bool is_text = true;
    std::set<std::string> codes;
    for (const B0_64K& item : report.rejects.items) {
        auto reject = decode_whole<RejectCount>(item.bytes);
        if (!reject || reject->error_code.text.empty()) return std::unexpected(Verdict::invalid_record);
        is_text = is_text && text(reject->error_code);
        if (!codes.insert(std::move(reject->error_code.text)).second) return std::unexpected(Verdict::invalid_record);
    }
    if (!is_text) return std::unexpected(Verdict::invalid_text);
    return {};
}

Check check(const ShareAccounting& report) {
    return all({that(!report.channel_id.text.empty()), difficulty(report.best_difficulty), rejects(report),
                text(report.channel_id), text(report.label), timestamp(report.timestamp)});
}

Check check(const BlockStatus& status) {
    const auto state = static_cast<BlockState>(status.status);
    return all({that(state == BlockState::submitted || state == BlockState::confirmed || state == BlockState::orphaned),
                text(status.label), timestamp(status.timestamp)});
}

Check check(const DeclaredJob& job) {
    const bool is_accepted = job.accepted == 1;
    return all({that(job.accepted <= 1), that(is_accepted != job.new_mining_job_token.bytes.empty()),
                that(is_accepted == job.error_code.text.empty()), text(job.user_identity), text(job.error_code),
                text(job.label), timestamp(job.timestamp)});
}

Check check(const Solution& solution) {
    return all({text(solution.label), timestamp(solution.timestamp)});
}

Check check(const AccountingDeleted& deleted) {
    return all({that(!deleted.channel_id.text.empty()), text(deleted.channel_id), text(deleted.label),
                timestamp(deleted.timestamp)});
}

Check check(const BatchAcknowledgment& batch) {
    return all(
        {that(!batch.channel_id.text.empty()), text(batch.channel_id), text(batch.label), timestamp(batch.timestamp)});
}

// Read where it stays, as far as it can: a share is large.
template <Record R> std::expected<ReadRecord, Verdict> read(Reader& in) {
    std::expected<ReadRecord, Verdict> result;
    R& record = result->record.template emplace<R>();
    get(in, record);
    Check fine = that(!in.error());
    if (fine) fine = check(record);
    if (!fine) {
        result = std::unexpected(fine.error());
        return result;
    }
    result->extra.assign(in.rest().begin(), in.rest().end());
    if constexpr (std::same_as<R, Share>) {
        if (claims_too_much(record)) result->verdict = Verdict::above_target;
    }
    return result;
}

} // namespace

Option<std::uint8_t> kind_of(ByteView record) {
    if (record.empty()) return std::nullopt;
    return record.front();
}

std::expected<ReadRecord, Verdict> read_record(ByteView bytes) {
    if (bytes.size() > max_record_size) return std::unexpected(Verdict::record_too_large);
    Reader in{bytes};
    std::uint8_t kind = 0;
    get(in, kind);
    if (in.error()) return std::unexpected(Verdict::invalid_record);
    switch (static_cast<RecordKind>(kind)) {
    case RecordKind::share: return read<Share>(in);
    case RecordKind::block: return read<Block>(in);
    case RecordKind::batch_acknowledgment: return read<BatchAcknowledgment>(in);
    case RecordKind::share_accounting: return read<ShareAccounting>(in);
    case RecordKind::block_status: return read<BlockStatus>(in);
    case RecordKind::declared_job: return read<DeclaredJob>(in);
    case RecordKind::solution: return read<Solution>(in);
    case RecordKind::accounting_deleted: return read<AccountingDeleted>(in);
    case RecordKind::lost: break;
    }
    return std::unexpected(Verdict::unknown_kind);
}

} // namespace protocol
