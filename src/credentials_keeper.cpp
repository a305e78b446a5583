#include "src/credentials_keeper.hpp"

#include "clients/cpp/randomness.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

namespace role {

namespace {

// Peers refuse a certificate from the future, and their clocks may be behind ours.
constexpr std::chrono::seconds backdating{60};

std::uint32_t wire_time(std::chrono::sys_seconds time) {
    constexpr std::int64_t latest = std::numeric_limits<std::uint32_t>::max();
    return static_cast<std::uint32_t>(std::clamp<std::int64_t>(time.time_since_epoch().count(), 0, latest));
}

} // namespace

CredentialsKeeper::CredentialsKeeper(const noise::Curve& curve, noise::SigningKey authority,
                                     std::chrono::seconds validity)
    : curve_{curve},
      authority_{std::move(authority)},
      validity_{validity} {}

std::shared_ptr<const noise::Credentials> CredentialsKeeper::current(std::chrono::sys_seconds now) {
    const bool is_fresh =
        credentials_ && now >= made_at_ && now - made_at_ < std::max(validity_ / 2, std::chrono::seconds{1});
    if (is_fresh) return credentials_;

    noise::KeyPair static_key = client::make_key_pair(curve_);
    const auto certificate =
        noise::Certificate::sign(curve_, authority_, static_key.encoding().x_only(curve_), wire_time(now - backdating),
                                 wire_time(now + validity_), client::random_bytes());
    credentials_ = std::make_shared<const noise::Credentials>(std::move(static_key), certificate.value());
    made_at_ = now;
    return credentials_;
}

} // namespace role
