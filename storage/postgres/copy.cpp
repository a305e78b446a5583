#include "storage/postgres/copy.hpp"

#include <limits>
#include <utility>

namespace storage::postgres {

using namespace std::string_view_literals;

CopyRows::CopyRows() {
    constexpr auto header = "PGCOPY\n\377\r\n\0\0\0\0\0\0\0\0\0"sv;
    bytes_.assign(header.begin(), header.end());
}

void CopyRows::begin_row(std::size_t columns) {
    put<2>(columns);
}

void CopyRows::text(std::string_view value) {
    put<4>(value.size());
    bytes_.insert(bytes_.end(), value.begin(), value.end());
}

void CopyRows::bytes(protocol::ByteView value) {
    put<4>(value.size());
    bytes_.insert(bytes_.end(), value.begin(), value.end());
}

void CopyRows::null() {
    put<4>(std::numeric_limits<std::uint32_t>::max());
}

protocol::Bytes CopyRows::take() && {
    put<2>(std::numeric_limits<std::uint16_t>::max());
    return std::move(bytes_);
}

} // namespace storage::postgres
