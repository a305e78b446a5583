// Why a session with the role, or a client as a whole, has ended.
#pragma once

#include "clients/cpp/stream_error.hpp"

#include <string>
#include <string_view>

namespace client {

// What a client finds by itself, beside the codes that the role sends (protocol/error_codes.hpp).
namespace ending_codes {
inline constexpr std::string_view stopped = "stopped";           // by stop()
inline constexpr std::string_view disconnected = "disconnected"; // not reached, closed, silent, or told to reconnect
inline constexpr std::string_view stream_renewed = "stream-renewed";   // a volatile store came back empty
inline constexpr std::string_view another_dataset = "another-dataset"; // than the one remembered
inline constexpr std::string_view restored_copy = "restored-copy";   // the role holds numbers that were never given out
inline constexpr std::string_view broken_promise = "broken-promise"; // the role does what the protocol excludes
inline constexpr std::string_view limits_too_small = "limits-too-small"; // for a record that waits
} // namespace ending_codes

struct Ending {
    std::string code;
    std::string detail; // for a person to read

    bool operator==(const Ending&) const = default;
};

Ending disconnected(const StreamError& error);
Ending broken_promise(std::string_view detail);

// False if another session may fare better. An unknown code is final: repeating what it refuses would hide it.
bool is_final(const Ending& ending);

} // namespace client
