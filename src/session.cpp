#include "src/session.hpp"

#include "clients/cpp/authentication.hpp"
#include "noise/signing_key.hpp"
#include "protocol/error_codes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <concepts>
#include <limits>
#include <type_traits>
#include <utility>

namespace role {

namespace codes = protocol::error_codes;

namespace {

constexpr std::uint16_t served_version = 2;
constexpr std::uint32_t served_flags = 0;

constexpr std::uint32_t any_write =
    protocol::permit_share_write | protocol::permit_block_write | protocol::permit_job_write;
constexpr std::uint32_t any_query = protocol::permit_query_own | protocol::permit_query_all;

// Our own replies are made of short texts and small lists: they always have an encoding.
template <protocol::Message M> protocol::Bytes frame_of(const M& message) {
    return protocol::encode_frame(message).value();
}

std::string describe(const protocol::FrameHeader& header) {
    return fmt::format("extension_type 0x{:04x} msg_type 0x{:02x}", header.extension_type, header.msg_type);
}

bool is_served(std::uint16_t extension) {
    return extension == protocol::storage_extension;
}

// What a key must permit for a record of this kind; any write permission for a kind that does not exist.
std::uint32_t permission_for(std::optional<std::uint8_t> kind) {
    if (!kind) return any_write;
    switch (static_cast<protocol::RecordKind>(*kind)) {
    case protocol::RecordKind::share:
    case protocol::RecordKind::share_accounting:
    case protocol::RecordKind::batch_acknowledgment:
    case protocol::RecordKind::accounting_deleted:
    case protocol::RecordKind::lost: return protocol::permit_share_write;
    case protocol::RecordKind::block:
    case protocol::RecordKind::block_status: return protocol::permit_block_write;
    case protocol::RecordKind::declared_job:
    case protocol::RecordKind::solution: return protocol::permit_job_write;
    }
    return any_write;
}

// Frames with more verdicts than this are split: the payload stays below a frame's limit whatever the codes.
constexpr std::size_t max_verdicts_in_frame = 20'000;

} // namespace

std::size_t in_flight_cost(std::size_t payload_size, std::size_t records) {
    return payload_size + records * record_overhead;
}

std::string_view to_text(Phase phase) {
    switch (phase) {
    case Phase::setup: return "setup";
    case Phase::negotiate: return "negotiate";
    case Phase::authenticate: return "authenticate";
    case Phase::open: return "open";
    }
    return "";
}

// The phase table: what a client may send, when, and with which of these permissions (0: none is needed). Whatever is
// not here is refused in every phase.
struct Session::Rule {
    protocol::MessageId message;
    Phase phase;
    std::uint32_t permissions;
    Step (Session::*handle)(protocol::ByteView payload);
};

const Session::Rule* Session::find_rule(const protocol::FrameHeader& header) {
    static constexpr auto rule = []<protocol::Message M>(std::type_identity<M>, Phase phase,
                                                         std::uint32_t permissions = 0) {
        return Rule{
            .message = M::id, .phase = phase, .permissions = permissions, .handle = &Session::decode_and_handle<M>};
    };
    static constexpr std::array rules{
        rule(std::type_identity<protocol::SetupConnection>{}, Phase::setup),
        rule(std::type_identity<protocol::RequestExtensions>{}, Phase::negotiate),
        rule(std::type_identity<protocol::Authenticate>{}, Phase::authenticate),
        rule(std::type_identity<protocol::StoreRecords>{}, Phase::open, any_write),
        rule(std::type_identity<protocol::Ping>{}, Phase::open),
        rule(std::type_identity<protocol::GetRecords>{}, Phase::open, any_query),
        rule(std::type_identity<protocol::IsShareSeen>{}, Phase::open, any_query),
        rule(std::type_identity<protocol::GetAccounting>{}, Phase::open, any_query),
        rule(std::type_identity<protocol::GetChannelStats>{}, Phase::open, any_query),
        rule(std::type_identity<protocol::ListChannels>{}, Phase::open, any_query),
        rule(std::type_identity<protocol::GetTotals>{}, Phase::open, any_query),
        rule(std::type_identity<protocol::ListStreams>{}, Phase::open, any_query),
        rule(std::type_identity<protocol::GetHealth>{}, Phase::open, any_query),
        rule(std::type_identity<protocol::GetBlocks>{}, Phase::open, any_query),
        rule(std::type_identity<protocol::ListUsers>{}, Phase::open, any_query),
        rule(std::type_identity<protocol::GetHours>{}, Phase::open, any_query),
        rule(std::type_identity<protocol::ListDrift>{}, Phase::open, any_query),
        rule(std::type_identity<protocol::CleanupOldShares>{}, Phase::open, protocol::permit_admin),
    };
    const auto* const found = std::ranges::find_if(rules, [&](const Rule& rule) {
        return rule.message.extension_type == header.extension_type && rule.message.msg_type == header.msg_type;
    });
    return found == rules.end() ? nullptr : found;
}

template <protocol::Message M> Step Session::decode_and_handle(protocol::ByteView payload) {
    protocol::Reader in{payload};
    auto message = protocol::decode<M>(in);
    if (!message) {
        const auto code = message.error() == protocol::DecodeError::unknown_protocol ? codes::unsupported_protocol
                                                                                     : codes::malformed_message;
        return refuse(code, fmt::format("{}: {}", M::name, protocol::describe(message.error())));
    }
    // Elsewhere bytes after the last field are a newer peer's; behind records they are records that were miscounted.
    if (std::same_as<M, protocol::StoreRecords> && !in.rest().empty())
        return refuse(codes::malformed_message, fmt::format("{}: {} bytes follow the list", M::name, in.rest().size()));
    if constexpr (requires { message->request_id; } && M::id.extension_type == protocol::storage_extension) {
        return on_request(*std::move(message));
    } else {
        return on(*std::move(message));
    }
}

Step Session::on_frame(const protocol::Frame& frame) {
    const auto name = protocol::name_of(frame.header);
    if (const Rule* const rule = find_rule(frame.header); rule != nullptr && rule->phase == phase_) {
        if (rule->permissions != 0 && (rule->permissions & permissions_) == 0)
            return refuse(codes::not_permitted, fmt::format("{} with this key and these roles", *name));
        return (this->*rule->handle)(frame.payload);
    }
    if (name) return refuse(codes::unexpected_message, fmt::format("{} in phase {}", *name, to_text(phase_)));
    const auto unknown = protocol::decode_any(frame.header, frame.payload).error();
    return refuse(unknown == protocol::DecodeError::unknown_extension ? codes::unsupported_extension
                                                                      : codes::unexpected_message,
                  describe(frame.header));
}

Step Session::on_oversized(const protocol::FrameHeader& header) {
    return refuse(codes::frame_too_large, fmt::format("{} announces {} bytes, at most {} are taken", describe(header),
                                                      header.payload_size, max_payload()));
}

Step Session::on(protocol::SetupConnection setup) {
    // The protocol is only a carrier here: a pool speaks Mining, a job declarator server Job Declaration.
    if (setup.protocol != protocol::Protocol::mining && setup.protocol != protocol::Protocol::job_declaration)
        return refuse(codes::unsupported_protocol, fmt::format("protocol {}", static_cast<int>(setup.protocol)));
    if (setup.min_version > served_version || setup.max_version < served_version)
        return refuse(codes::protocol_version_mismatch,
                      fmt::format("versions {} to {}", setup.min_version, setup.max_version));
    if (const std::uint32_t unsupported = setup.flags & ~served_flags; unsupported != 0)
        return refuse_setup(codes::unsupported_feature_flags, fmt::format("flags {}", unsupported), unsupported);

    phase_ = Phase::negotiate;
    return {.reply = frame_of(protocol::SetupConnectionSuccess{.used_version = served_version, .flags = served_flags}),
            .refusal = {},
            .wish = {}};
}

Step Session::on(protocol::RequestExtensions request) {
    const auto& requested = request.requested_extensions.items;
    if (std::ranges::any_of(requested, is_served)) {
        phase_ = Phase::authenticate;
        return {.reply = frame_of(protocol::RequestExtensionsSuccess{
                    .request_id = request.request_id, .supported_extensions = {{protocol::storage_extension}}}),
                .refusal = {},
                .wish = {}};
    }

    Step step{.reply = frame_of(
                  protocol::RequestExtensionsError{.request_id = request.request_id,
                                                   .unsupported_extensions = std::move(request.requested_extensions),
                                                   .required_extensions = {{protocol::storage_extension}}}),
              .refusal = {},
              .wish = {}};
    if (asked_in_vain_) step.refusal = Refusal{codes::unsupported_extension, "the storage extension was not requested"};
    asked_in_vain_ = true;
    return step;
}

Step Session::on(const protocol::Authenticate& authenticate) {
    if (client_) return refuse(codes::unexpected_message, "Authenticate, a second time");
    // One answer for an unknown key and for a bad proof: who is known is nobody's business.
    const noise::XOnlyKey key{authenticate.client_public_key.bytes};
    const noise::Hash digest = client::authentication_digest(gate_.handshake_hash, gate_.authority, authenticate);
    const bool is_proved = noise::verify_signature(gate_.curve, key, digest, authenticate.signature.bytes);
    auto client = gate_.clients.find(key);
    if (!is_proved || !client) return refuse(codes::unauthorized, "");

    if (authenticate.min_version > protocol::storage_version || authenticate.max_version < protocol::storage_version)
        return refuse(
            codes::protocol_version_mismatch,
            fmt::format("storage extension versions {} to {}", authenticate.min_version, authenticate.max_version));
    const bool writes = (authenticate.roles & protocol::role_write) != 0;
    const bool reads = (authenticate.roles & protocol::role_read) != 0;
    if (writes != (authenticate.stream_id != 0))
        return refuse(codes::malformed_message, "Authenticate: a stream_id belongs to the write role, and to no other");
    if (!writes && authenticate.last_acknowledged != 0)
        return refuse(codes::malformed_message, "Authenticate: last_acknowledged is that of a stream");
    if ((!writes && !reads) || (writes && (client->permissions & any_write) == 0) ||
        (reads && (client->permissions & any_query) == 0))
        return refuse(codes::not_permitted, "the wanted roles");

    const std::uint32_t wanted = protocol::permit_admin | (writes ? any_write : 0) | (reads ? any_query : 0);
    permissions_ = client->permissions & wanted;
    client_ = std::move(client);
    claim_ = authenticate;
    Attach attach{.stream = {}, .pool = client_->pool};
    if (writes) attach.stream = storage::StreamName{.identity = client_->identity, .stream_id = authenticate.stream_id};
    return {.reply = {}, .refusal = {}, .wish = std::move(attach)};
}

Step Session::on_attached(const Welcome& welcome) {
    const auto& [attachment, data_set, durability, max_in_flight] = welcome;
    // Same store, and it knows less than it acknowledged: a copy of it was restored, or its disk lied. To a client that
    // only asks nothing was acknowledged.
    if (claim_.stream_id != 0 && claim_.dataset_id == data_set.id &&
        (claim_.generation > data_set.generation ||
         (claim_.generation == data_set.generation && claim_.last_acknowledged > attachment.durable_sequence)))
        return refuse(codes::history_lost,
                      fmt::format("generation {}, acknowledged up to {}; the store has generation {}, up to {}",
                                  claim_.generation, claim_.last_acknowledged, data_set.generation,
                                  attachment.durable_sequence));
    attachment_ = attachment;
    phase_ = Phase::open;
    return {.reply = frame_of(protocol::AuthenticateSuccess{.version = protocol::storage_version,
                                                            .permissions = permissions_,
                                                            .durability = static_cast<std::uint8_t>(durability),
                                                            .dataset_id = data_set.id,
                                                            .generation = data_set.generation,
                                                            .durable_sequence = attachment.durable_sequence,
                                                            .max_frame = max_frame,
                                                            .max_record = protocol::max_record_size,
                                                            .max_in_flight = max_in_flight}),
            .refusal = {},
            .wish = {}};
}

std::optional<Refusal> Session::forbids(const protocol::StoreRecords& records) const {
    for (const auto& record : records.records.items) {
        const auto kind = protocol::kind_of(record.bytes);
        if ((permission_for(kind) & permissions_) == 0)
            return Refusal{codes::not_permitted, fmt::format("a record of kind {}", kind.value_or(0))};
    }
    return std::nullopt;
}

Step Session::on(protocol::StoreRecords records) {
    if (records.first_sequence == 0 || records.records.items.empty())
        return refuse(codes::malformed_message, "StoreRecords: numbers start with 1, and one record is the least");
    if (auto refusal = forbids(records)) return refuse(refusal->code, std::move(refusal->detail));
    return {.reply = {},
            .refusal = {},
            .wish = storage::Submission{.stream = attachment_.stream,
                                        .epoch = attachment_.epoch,
                                        .first_sequence = records.first_sequence,
                                        .records = std::move(records.records.items),
                                        .received_at = 0}};
}

Step Session::on(const protocol::Ping& ping) {
    return {.reply = frame_of(protocol::PingSuccess{.nonce = ping.nonce}), .refusal = {}, .wish = {}};
}

template <class R> Step Session::on_request(R request) {
    if (request.request_id == 0) return refuse(codes::invalid_request, fmt::format("{} with request_id 0", R::name));
    if constexpr (requires { request.pool; }) {
        if (request.pool.text.empty()) request.pool.text = client_->pool;
        if (request.pool.text != client_->pool && (permissions_ & protocol::permit_query_all) == 0)
            return refuse(codes::not_permitted, fmt::format("{} of another pool", R::name));
    }
    Step step;
    if constexpr (std::same_as<R, protocol::CleanupOldShares>)
        step.wish = request; // of the writer
    else
        step.wish = Request{std::move(request)};
    return step;
}

std::optional<Refusal> Session::on_outcome(const storage::Outcome& outcome) {
    if (outcome) {
        durable_ = std::max(durable_, outcome->last_sequence);
        verdicts_.insert(verdicts_.end(), outcome->verdicts.begin(), outcome->verdicts.end());
        owes_acknowledgment_ = true;
        return std::nullopt;
    }
    switch (outcome.error()) {
    case storage::Refused::fenced: return Refusal{codes::fenced, "another session has attached to this stream"};
    case storage::Refused::sequence_gap: return Refusal{codes::sequence_gap, "numbers were left out"};
    case storage::Refused::sequence_conflict:
        return Refusal{codes::sequence_conflict, "a number was stored with other bytes"};
    case storage::Refused::damaged:
        return Refusal{codes::storage_unavailable, "a stored record that these are compared with is damaged"};
    }
    return std::nullopt;
}

std::optional<protocol::Bytes> Session::take_acknowledgment() {
    if (!owes_acknowledgment_) return std::nullopt;
    protocol::StoreSuccess success{.durable_sequence = durable_, .verdicts = {}};
    const std::size_t count = std::min(verdicts_.size(), max_verdicts_in_frame);
    const std::uint64_t last = count > 0 ? verdicts_[count - 1].sequence : 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto& [sequence, verdict] = verdicts_[i];
        protocol::VerdictEntry entry{.sequence = sequence, .code = {std::string{protocol::to_text(verdict)}}};
        success.verdicts.items.push_back({protocol::encode(entry).value()});
    }
    verdicts_.erase(verdicts_.begin(), verdicts_.begin() + static_cast<std::ptrdiff_t>(count));
    // What is acknowledged is acknowledged with its verdict: the rest waits for the next frame.
    if (!verdicts_.empty()) success.durable_sequence = std::max(verdicts_.front().sequence - 1, last);
    owes_acknowledgment_ = !verdicts_.empty();
    told_ = std::max(told_, success.durable_sequence);
    success.durable_sequence = told_;
    return frame_of(success);
}

Step Session::refuse(std::string_view code, std::string detail) const {
    return refuse_setup(code, std::move(detail), 0);
}

// `flags` only have a place before the storage extension is negotiated.
Step Session::refuse_setup(std::string_view code, std::string detail, std::uint32_t flags) const {
    Step step{.reply = {}, .refusal = Refusal{code, std::move(detail)}, .wish = {}};
    if (phase_ == Phase::setup || phase_ == Phase::negotiate) {
        step.reply = frame_of(protocol::SetupConnectionError{.flags = flags, .error_code = {std::string{code}}});
    } else {
        step.reply = frame_of(protocol::Error{
            .request_id = 0, .code = {std::string{code}}, .detail = {step.refusal->detail.substr(0, 255)}});
    }
    return step;
}

} // namespace role
