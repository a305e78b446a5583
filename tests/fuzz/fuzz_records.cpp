// Any bytes as a record: they get a verdict, or they are taken apart into what encodes to the same bytes again. Nothing
// is read beyond them.

#include "protocol/records.hpp"
#include "tests/fuzz/check.hpp"

#include <cstddef>
#include <cstdint>
#include <variant>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const protocol::ByteView bytes{data, size};
    const auto read = protocol::read_record(bytes);
    if (!read) {
        fuzz::check(read.error() != protocol::Verdict::stored);
        return 0;
    }
    const auto encoded =
        std::visit([&](const auto& record) { return protocol::encode_record(record, read->extra); }, read->record);
    fuzz::check(encoded == protocol::Bytes{bytes.begin(), bytes.end()});
    fuzz::check(read->verdict == protocol::Verdict::stored || read->verdict == protocol::Verdict::above_target);
    return 0;
}
