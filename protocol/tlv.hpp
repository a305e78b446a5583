// TLV fields, which extensions append to messages of others (SV2 specification 3.4.3). Type and length are written
// little-endian, as SRI does and as every other integer of the wire is; the specification's example has them
// big-endian.
#pragma once

#include "protocol/error.hpp"
#include "protocol/primitives.hpp"
#include "protocol/reader.hpp"
#include "protocol/writer.hpp"

#include <cstdint>
#include <vector>

namespace protocol {

struct Tlv {
    std::uint16_t extension_type = 0;
    std::uint8_t field_type = 0;
    Bytes value; // at most 65535 bytes

    bool operator==(const Tlv&) const = default;
};

void put(Writer& out, const Tlv& tlv);
void get(Reader& in, Tlv& tlv);

// All fields up to the end or to the first that is cut short: what follows a bad one cannot be told apart, and TLV
// fields are optional, so that a list never makes its message invalid.
std::vector<Tlv> decode_tlvs(ByteView bytes);

} // namespace protocol
