// The one list of messages. Whatever treats all of them alike (decoding by header, names for logs, golden tests,
// fuzzing) derives from it: a new message is declared, listed here, and covered.
#pragma once

#include "protocol/common_messages.hpp"
#include "protocol/extension_messages.hpp"
#include "protocol/frame.hpp"
#include "protocol/storage_messages.hpp"
#include "protocol/storage_requests.hpp"

#include <expected>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

namespace protocol {

template <Message... Ms> struct Catalogue {
    using Any = std::variant<Ms...>;

    // Calls visit(std::type_identity<M>{}) for each message.
    static constexpr void for_each(auto&& visit) { (visit(std::type_identity<Ms>{}), ...); }
};

using Messages =
    Catalogue<SetupConnection, SetupConnectionSuccess, SetupConnectionError, ChannelEndpointChanged, Reconnect,
              RequestExtensions, RequestExtensionsSuccess, RequestExtensionsError, Error, Authenticate,
              AuthenticateSuccess, StoreRecords, StoreSuccess, StoreStatus, Ping, PingSuccess, GetRecords,
              GetRecordsSuccess, IsShareSeen, IsShareSeenSuccess, GetAccounting, GetAccountingSuccess, GetChannelStats,
              GetChannelStatsSuccess, ListChannels, ListChannelsSuccess, GetTotals, GetTotalsSuccess, ListStreams,
              ListStreamsSuccess, GetHealth, GetHealthSuccess, GetBlocks, GetBlocksSuccess, ListUsers, ListUsersSuccess,
              GetHours, GetHoursSuccess, ListDrift, ListDriftSuccess, CleanupOldShares, CleanupOldSharesSuccess>;

// One of them. What copies, moves and destroys so many alternatives is in catalogue.cpp: in every file that handles a
// message it would take longer to compile than all else there.
class AnyMessage : public Messages::Any {
  public:
    template <Message M> AnyMessage(M message) : variant{std::in_place_type<M>, std::move(message)} {}
    AnyMessage(const AnyMessage& other);
    AnyMessage(AnyMessage&& other) noexcept;
    AnyMessage& operator=(const AnyMessage& other);
    AnyMessage& operator=(AnyMessage&& other) noexcept;
    ~AnyMessage();
};

// The message that the header names; its channel bit is ignored, as SRI does. The payload may be longer than the
// message (TLV fields).
std::expected<AnyMessage, DecodeError> decode_any(const FrameHeader& header, ByteView payload);

// The specification's name of a message; nothing if the catalogue has none of that id.
std::optional<std::string_view> name_of(const FrameHeader& header);

} // namespace protocol
