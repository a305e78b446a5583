#include "clients/cpp/resumption.hpp"

#include "protocol/error_codes.hpp"

#include <string>
#include <string_view>

namespace client {

namespace {

std::unexpected<Ending> end(std::string_view code, std::string_view detail) {
    return std::unexpected(Ending{.code = std::string{code}, .detail = std::string{detail}});
}

} // namespace

std::expected<Resumption, Ending> resume(const Remembered& remembered, std::uint64_t last_numbered,
                                         const protocol::AuthenticateSuccess& found) {
    if (found.version != protocol::storage_version)
        return std::unexpected(broken_promise("a version that was not offered"));
    if (found.dataset_id == 0) return std::unexpected(broken_promise("a data set without a number"));
    if (remembered.dataset_id != 0 && remembered.dataset_id != found.dataset_id) {
        if (remembered.durability == protocol::Durability::is_volatile) return Resumption::starts_anew;
        return end(ending_codes::another_dataset, "the role serves another data set than the one that acknowledged");
    }
    // The role says so itself, unless it lost the memory of that, too.
    if (found.generation < remembered.generation || found.durable_sequence < remembered.last_acknowledged)
        return end(protocol::error_codes::history_lost, "the store knows less than it has acknowledged");
    if (found.durable_sequence > last_numbered)
        return end(ending_codes::restored_copy, "the store holds records of this stream that this client never sent");
    return Resumption::goes_on;
}

} // namespace client
