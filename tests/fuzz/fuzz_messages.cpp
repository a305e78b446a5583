// Bytes as a frame of any message of the catalogue. What decodes must encode, and decode again to the same; and no
// input may read or allocate beyond its own size.

#include "protocol/catalogue.hpp"
#include "protocol/tlv.hpp"
#include "tests/fuzz/check.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace {

template <protocol::Message M> void check_round_trip(protocol::ByteView payload) {
    protocol::Reader in{payload};
    const auto message = protocol::decode<M>(in);
    if (!message) return;
    const auto encoded = protocol::encode(*message);
    fuzz::check(encoded.has_value());
    fuzz::check(encoded->size() == payload.size() - in.rest().size());
    fuzz::check(protocol::decode<M>(*encoded) == message);
    for (const auto& tlv : protocol::decode_tlvs(in.rest())) fuzz::check(protocol::encode(tlv).has_value());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const protocol::ByteView bytes{data, size};
    if (bytes.size() < protocol::frame_header_size) return 0;
    const auto header = protocol::decode_header(bytes.first<protocol::frame_header_size>());
    const auto payload = bytes.subspan(protocol::frame_header_size);

    fuzz::check(!protocol::decode_any(header, payload) || protocol::name_of(header).has_value());
    // Every message, whatever the header says: it is the payload that is hard to guess.
    protocol::Messages::for_each([&]<class M>(std::type_identity<M>) { check_round_trip<M>(payload); });
    return 0;
}
