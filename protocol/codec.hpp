// Fields <-> bytes (SV2 specification 3.1), for every primitive and for whole messages.
#pragma once

#include "protocol/message.hpp"
#include "protocol/primitives.hpp"
#include "protocol/reader.hpp"
#include "protocol/writer.hpp"

#include <algorithm>
#include <bit>
#include <concepts>
#include <cstdint>
#include <expected>

namespace protocol {

// BOOL: only the lowest bit counts.
inline void get(Reader& in, bool& value) {
    value = (in.take_integer<1>() & 1U) != 0;
}
inline void put(Writer& out, bool value) {
    out.put_integer<1>(value ? 1 : 0);
}

template <std::unsigned_integral Integer> void get(Reader& in, Integer& value) {
    value = static_cast<Integer>(in.take_integer<sizeof(Integer)>());
}
template <std::unsigned_integral Integer> void put(Writer& out, Integer value) {
    out.put_integer<sizeof(Integer)>(value);
}

inline void get(Reader& in, U24& value) {
    value.value = static_cast<std::uint32_t>(in.take_integer<3>());
}
inline void put(Writer& out, U24 value) {
    if (value.value > U24::max) out.fail(EncodeError::out_of_range);
    out.put_integer<3>(value.value);
}

inline void get(Reader& in, float& value) {
    value = std::bit_cast<float>(static_cast<std::uint32_t>(in.take_integer<sizeof value>()));
}
inline void put(Writer& out, float value) {
    out.put_integer<sizeof value>(std::bit_cast<std::uint32_t>(value));
}

template <class Tag, std::size_t size> void get(Reader& in, FixedBytes<Tag, size>& value) {
    const ByteView taken = in.take(size);
    if (!taken.empty()) std::copy_n(taken.data(), size, value.bytes.begin());
}
template <class Tag, std::size_t size> void put(Writer& out, const FixedBytes<Tag, size>& value) {
    out.put(value.bytes);
}

// The number that precedes a STR0, B0 or SEQ of type Sized.
template <class Sized> std::size_t get_length(Reader& in) {
    const auto length = static_cast<std::size_t>(in.take_integer<Sized::length_width>());
    if (length > Sized::max_size) in.fail(DecodeError::length_out_of_range);
    return length;
}
template <class Sized> void put_length(Writer& out, std::size_t length) {
    if (length > Sized::max_size) out.fail(EncodeError::too_long);
    out.put_integer<Sized::length_width>(length);
}

inline void get(Reader& in, Str0_255& value) {
    value.text = in.take_text(get_length<Str0_255>(in));
}
inline void put(Writer& out, const Str0_255& value) {
    put_length<Str0_255>(out, value.text.size());
    out.put_text(value.text);
}

template <std::size_t max, std::size_t width> void get(Reader& in, VarBytes<max, width>& value) {
    const ByteView bytes = in.take(get_length<VarBytes<max, width>>(in));
    value.bytes.assign(bytes.begin(), bytes.end());
}
template <std::size_t max, std::size_t width> void put(Writer& out, const VarBytes<max, width>& value) {
    put_length<VarBytes<max, width>>(out, value.bytes.size());
    out.put(value.bytes);
}

template <class Element, std::size_t max, std::size_t width> void get(Reader& in, Seq<Element, max, width>& value) {
    const std::size_t count = get_length<Seq<Element, max, width>>(in);
    value.items.clear();
    // No element is shorter than a byte: what a peer announces beyond its own bytes costs no memory.
    value.items.reserve(std::min(count, in.rest().size()));
    for (std::size_t i = 0; i < count && !in.error(); ++i) {
        Element item{};
        get(in, item);
        value.items.push_back(std::move(item));
    }
}
template <class Element, std::size_t max, std::size_t width>
void put(Writer& out, const Seq<Element, max, width>& value) {
    put_length<Seq<Element, max, width>>(out, value.items.size());
    for (const Element& item : value.items) put(out, item);
}

template <class Element> void get(Reader& in, Option<Element>& value) {
    const std::uint64_t count = in.take_integer<1>();
    value.reset();
    if (count > 1) in.fail(DecodeError::option_out_of_range);
    if (count == 1) get(in, value.emplace());
}
template <class Element> void put(Writer& out, const Option<Element>& value) {
    out.put_integer<1>(value ? 1 : 0);
    if (value) put(out, *value);
}

template <Struct S> void get(Reader& in, S& value) {
    S::fields(value)([&](const auto&... field) { (get(in, field.value), ...); });
}
template <Struct S> void put(Writer& out, const S& value) {
    S::fields(value)([&](const auto&... field) { (put(out, field.value), ...); });
}

// A primitive or a message from the front of `in`. What is left there afterwards are TLV fields, or bytes that a newer
// peer appended: neither is an error.
template <class T> std::expected<T, DecodeError> decode(Reader& in) {
    T value{};
    get(in, value);
    if (const auto error = in.error()) return std::unexpected(*error);
    return value;
}
template <class T> std::expected<T, DecodeError> decode(ByteView bytes) {
    Reader in{bytes};
    return decode<T>(in);
}

// The encoding of a primitive, or a message's payload.
template <class T> std::expected<Bytes, EncodeError> encode(const T& value) {
    Writer out;
    put(out, value);
    if (const auto error = out.error()) return std::unexpected(*error);
    return std::move(out).take();
}

} // namespace protocol
