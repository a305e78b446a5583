// A vector's JSON value as the C++ value of a wire type.
#pragma once

#include "protocol/common_messages.hpp"
#include "protocol/primitives.hpp"
#include "tests/vectors/folder.hpp"

#include <bit>
#include <concepts>
#include <cstdint>
#include <stdexcept>

namespace vectors {

// Hex, {"hex": ...} beside a readable text, or {"gen_seed": s, "len": n}.
inline std::vector<std::uint8_t> byte_value(const Json& json) {
    if (json.is_string()) return bytes(json);
    if (json.contains("hex")) return bytes(json.at("hex"));
    return generated_bytes(json.at("len").get<std::size_t>(), json.at("gen_seed").get<std::uint64_t>());
}

inline void read_value(const Json& json, bool& value) {
    value = json.get<bool>();
}
// A U64 may be written as a string: many JSON readers lose what is above 2^53.
template <std::unsigned_integral Integer> void read_value(const Json& json, Integer& value) {
    const std::uint64_t number = json.is_string() ? std::stoull(json.get<std::string>()) : json.get<std::uint64_t>();
    value = static_cast<Integer>(number);
    if (value != number) throw std::out_of_range{json.dump()};
}
inline void read_value(const Json& json, protocol::U24& value) {
    value.value = json.get<std::uint32_t>();
}
inline void read_value(const Json& json, protocol::Protocol& value) {
    value = static_cast<protocol::Protocol>(json.get<std::uint8_t>());
}
inline void read_value(const Json& json, float& value) {
    value = std::bit_cast<float>(json.at("ieee754_bits").get<std::uint32_t>());
}
template <class Tag, std::size_t size> void read_value(const Json& json, protocol::FixedBytes<Tag, size>& value) {
    const auto all = byte_value(json);
    if (all.size() != size) throw std::invalid_argument{"not " + std::to_string(size) + " bytes: " + json.dump()};
    std::copy(all.begin(), all.end(), value.bytes.begin());
}
inline void read_value(const Json& json, protocol::Str0_255& value) {
    const auto all = byte_value(json);
    value.text.assign(all.begin(), all.end());
}
template <std::size_t max, std::size_t width> void read_value(const Json& json, protocol::VarBytes<max, width>& value) {
    value.bytes = byte_value(json);
}
template <class Element> void read_value(const Json& json, protocol::Option<Element>& value) {
    value.reset();
    if (!json.is_null()) read_value(json, value.emplace());
}
// A list, or {"count": n, "element_i": "i mod 65536, i from 0"}.
template <class Element, std::size_t max, std::size_t width>
void read_value(const Json& json, protocol::Seq<Element, max, width>& value) {
    const bool is_generated = json.is_object();
    if (is_generated && json.at("element_i") != "i mod 65536, i from 0")
        throw std::invalid_argument{"an unknown element_i: " + json.dump()};
    const std::size_t count = is_generated ? json.at("count").get<std::size_t>() : json.size();
    for (std::size_t i = 0; i < count; ++i) {
        Element element{};
        read_value(is_generated ? Json(i % 65536) : json.at(i), element);
        value.items.push_back(std::move(element));
    }
}

} // namespace vectors
