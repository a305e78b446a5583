// What makes a struct a message: a name, an id, and its fields in wire order, declared once. Encoding, decoding, the
// catalogue, golden tests and fuzzing all derive from that declaration.
#pragma once

#include <concepts>
#include <cstdint>
#include <string_view>

namespace protocol {

// SV2 specification 3.2. extension_type without the channel bit, which channel_msg holds.
struct MessageId {
    std::uint16_t extension_type = 0;
    std::uint8_t msg_type = 0;
    bool channel_msg = false;
};

// One field: its name in the specification, and the value it stands for.
template <class Value> struct Field {
    std::string_view name;
    Value& value;
};
template <class Value> Field(std::string_view, Value&) -> Field<Value>;

// Several fields, to be called with what they are for: in_order(a, b)(use) is use(a, b). A closure, because std::tuple
// takes long to compile: quadratic in the fields, for every message, in every file that handles it.
template <class... Values> constexpr auto in_order(Field<Values>... fields) {
    return [fields...](auto&& use) -> decltype(auto) { return use(fields...); };
}

// What is encoded as its fields one after the other: a message's payload, or a part of one.
template <class S>
concept Struct = requires(S& value, const S& constant) {
    S::fields(value);
    S::fields(constant);
};

template <class M>
concept Message = Struct<M> && requires {
    { M::name } -> std::convertible_to<std::string_view>;
    { M::id } -> std::convertible_to<MessageId>;
};

} // namespace protocol
