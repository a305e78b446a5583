#include "protocol/tlv.hpp"

#include "protocol/codec.hpp"

#include <utility>

namespace protocol {

void put(Writer& out, const Tlv& tlv) {
    put(out, tlv.extension_type);
    put(out, tlv.field_type);
    put_length<B0_64K>(out, tlv.value.size());
    out.put(tlv.value);
}

void get(Reader& in, Tlv& tlv) {
    get(in, tlv.extension_type);
    get(in, tlv.field_type);
    const ByteView value = in.take(get_length<B0_64K>(in));
    tlv.value.assign(value.begin(), value.end());
}

std::vector<Tlv> decode_tlvs(ByteView bytes) {
    std::vector<Tlv> tlvs;
    for (Reader in{bytes}; !in.rest().empty();) {
        auto tlv = decode<Tlv>(in);
        if (!tlv) break;
        tlvs.push_back(*std::move(tlv));
    }
    return tlvs;
}

} // namespace protocol
