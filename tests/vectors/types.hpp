// From the name of a wire type or message, as the vectors and the specification write it, to the C++ type.
#pragma once

#include "protocol/catalogue.hpp"
#include "protocol/primitives.hpp"

#include <cstdint>
#include <string_view>
#include <type_traits>

namespace vectors {

// Calls visit(std::type_identity<T>{}) with the primitive that stands inside SEQ and OPTION under this name.
bool visit_element(std::string_view name, auto&& visit) {
    bool found = false;
    const auto offer = [&]<class T>(std::string_view offered, std::type_identity<T> type) {
        if (offered != name) return;
        found = true;
        visit(type);
    };
    offer("BOOL", std::type_identity<bool>{});
    offer("U8", std::type_identity<std::uint8_t>{});
    offer("U16", std::type_identity<std::uint16_t>{});
    offer("U24", std::type_identity<protocol::U24>{});
    offer("U32", std::type_identity<std::uint32_t>{});
    offer("U64", std::type_identity<std::uint64_t>{});
    offer("U256", std::type_identity<protocol::U256>{});
    offer("MAC", std::type_identity<protocol::Mac>{});
    offer("PUBKEY", std::type_identity<protocol::Pubkey>{});
    offer("SIGNATURE", std::type_identity<protocol::Signature>{});
    offer("STR0_255", std::type_identity<protocol::Str0_255>{});
    offer("B0_255", std::type_identity<protocol::B0_255>{});
    offer("B0_64K", std::type_identity<protocol::B0_64K>{});
    offer("B0_16M", std::type_identity<protocol::B0_16M>{});
    return found;
}

bool visit_message(std::string_view name, auto&& visit) {
    bool found = false;
    protocol::Messages::for_each([&]<class M>(std::type_identity<M> type) {
        if (M::name != name) return;
        found = true;
        visit(type);
    });
    return found;
}

bool visit_primitive(std::string_view name, auto&& visit) {
    const auto inside = [&](std::string_view outer) {
        return name.substr(outer.size() + 1, name.size() - outer.size() - 2);
    };
    if (name == "F32") return visit(std::type_identity<float>{}), true;
    if (name == "B0_32") return visit(std::type_identity<protocol::B0_32>{}), true;
    if (name.starts_with("SEQ0_255["))
        return visit_element(inside("SEQ0_255"), [&]<class T>(std::type_identity<T>) {
            visit(std::type_identity<protocol::Seq0_255<T>>{});
        });
    if (name.starts_with("SEQ0_64K["))
        return visit_element(inside("SEQ0_64K"), [&]<class T>(std::type_identity<T>) {
            visit(std::type_identity<protocol::Seq0_64K<T>>{});
        });
    if (name.starts_with("OPTION["))
        return visit_element(inside("OPTION"),
                             [&]<class T>(std::type_identity<T>) { visit(std::type_identity<protocol::Option<T>>{}); });
    return visit_element(name, visit);
}

} // namespace vectors
