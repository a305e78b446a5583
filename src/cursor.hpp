// Where a list goes on, as bytes that are ours to read and the peer's to repeat: whatever else comes back is refused.
// Behind the place stands a sum over it, the data set, and all of the request that has to be the same on each page.
// Lists that are ordered by names need none of this: their cursor is the last name (a name of 255 bytes leaves no
// room), and they check that there is such a name.
#pragma once

#include "noise/hash.hpp"
#include "protocol/codec.hpp"
#include "protocol/storage_requests.hpp"
#include "src/problem.hpp"
#include "storage/store.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace role {

struct RecordPlace {
    storage::RecordCursor cursor;

    static constexpr auto fields(auto& s) {
        return protocol::in_order(protocol::Field{"cut", s.cursor.cut}, protocol::Field{"time", s.cursor.time},
                                  protocol::Field{"position", s.cursor.position});
    }
};

struct StreamPlace {
    protocol::Str0_255 identity;
    std::uint64_t stream_id = 0;

    static constexpr auto fields(auto& s) {
        return protocol::in_order(protocol::Field{"identity", s.identity}, protocol::Field{"stream_id", s.stream_id});
    }
};

struct HourPlace {
    std::uint32_t hour = 0;

    static constexpr auto fields(auto& s) { return protocol::in_order(protocol::Field{"hour", s.hour}); }
};

inline constexpr std::size_t cursor_sum_size = 8;

// `place` as a cursor for the page behind the one that `request` asks for.
template <protocol::Struct Place, protocol::Message R>
protocol::B0_255 make_cursor(const storage::Store& store, R request, const Place& place) {
    request.request_id = 0;
    request.cursor.bytes.clear();
    if constexpr (requires { request.limit; }) request.limit = 0;
    protocol::Writer all;
    protocol::put(all, R::id.msg_type);
    protocol::put(all, store.data_set().id);
    protocol::put(all, request);
    protocol::put(all, place);
    const noise::Hash sum = noise::sha256({all.written()});

    protocol::Writer out;
    protocol::put(out, place);
    out.put(protocol::ByteView{sum}.first<cursor_sum_size>());
    return {std::move(out).take()};
}

// Nothing on the first page.
template <protocol::Struct Place, protocol::Message R>
Answer<std::optional<Place>> read_cursor(const storage::Store& store, const R& request) {
    if (request.cursor.bytes.empty()) return std::nullopt;
    protocol::Reader in{request.cursor.bytes};
    const auto place = protocol::decode<Place>(in);
    if (!place || make_cursor(store, request, *place) != request.cursor)
        return invalid_cursor("not a cursor of this list, its range and data set");
    return *place;
}

} // namespace role
