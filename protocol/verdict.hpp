// What became of a record whose number is used and whose bytes are kept. All but `stored` mean that it counts nowhere,
// and are told to the client.
#pragma once

#include <cstdint>
#include <string_view>

namespace protocol {

// The numbers are stored: they are never reused.
enum class Verdict : std::uint8_t {
    stored = 0,            // counted; has no entry in Store.Success
    duplicate_share = 1,   // claims acceptance for a hash that was accepted before in this pool
    above_target = 2,      // claims acceptance for a hash above its own target
    invalid_record = 3,    // its body is cut short or says what cannot be
    unknown_kind = 4,      // of a kind that this server does not know
    record_too_large = 5,  // above the limit told in Authenticate.Success
    invalid_timestamp = 6, // after the year 9999
    invalid_text = 7,      // not UTF-8, or with control characters
};

inline constexpr Verdict last_verdict = Verdict::invalid_text;

// The code on the wire; empty for `stored`.
std::string_view to_text(Verdict verdict);

} // namespace protocol
