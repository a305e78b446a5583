#include "protocol/catalogue.hpp"

#include <cstddef>

namespace protocol {

namespace {

template <Message M> constexpr bool is_named_by(const FrameHeader& header) {
    return header.extension_type == M::id.extension_type && header.msg_type == M::id.msg_type;
}

constexpr bool ids_are_unique() {
    bool unique = true;
    Messages::for_each([&]<class M>(std::type_identity<M>) {
        std::size_t same = 0;
        Messages::for_each([&]<class Other>(std::type_identity<Other>) {
            same +=
                is_named_by<M>({.extension_type = Other::id.extension_type, .msg_type = Other::id.msg_type}) ? 1 : 0;
        });
        unique = unique && same == 1;
    });
    return unique;
}
static_assert(ids_are_unique(), "two messages of the catalogue share extension_type and msg_type");

bool has_messages(std::uint16_t extension_type) {
    bool found = false;
    Messages::for_each(
        [&]<class M>(std::type_identity<M>) { found = found || M::id.extension_type == extension_type; });
    return found;
}

} // namespace

AnyMessage::AnyMessage(const AnyMessage& other) = default;
AnyMessage::AnyMessage(AnyMessage&& other) noexcept = default;
AnyMessage& AnyMessage::operator=(const AnyMessage& other) = default;
AnyMessage& AnyMessage::operator=(AnyMessage&& other) noexcept = default;
AnyMessage::~AnyMessage() = default;

std::expected<AnyMessage, DecodeError> decode_any(const FrameHeader& header, ByteView payload) {
    std::expected<AnyMessage, DecodeError> result = std::unexpected(
        has_messages(header.extension_type) ? DecodeError::unknown_message : DecodeError::unknown_extension);
    Messages::for_each([&]<class M>(std::type_identity<M>) {
        if (!is_named_by<M>(header)) return;
        if (auto message = decode<M>(payload)) {
            result = *std::move(message);
        } else {
            result = std::unexpected(message.error());
        }
    });
    return result;
}

std::optional<std::string_view> name_of(const FrameHeader& header) {
    std::optional<std::string_view> name;
    Messages::for_each([&]<class M>(std::type_identity<M>) {
        if (is_named_by<M>(header)) name = M::name;
    });
    return name;
}

} // namespace protocol
