// The static key and certificate that the role shows in handshakes. Both are renewed at half of the certificate's life,
// so that every peer gets one with at least the other half to go; sessions that stand keep what they agreed on.
// Time is handed in.
#pragma once

#include "noise/responder.hpp"
#include "noise/signing_key.hpp"

#include <chrono>
#include <memory>

namespace role {

class CredentialsKeeper {
  public:
    // `curve` must outlive the keeper. `validity` > 0.
    CredentialsKeeper(const noise::Curve& curve, noise::SigningKey authority, std::chrono::seconds validity);

    // Those to show now: renewed if half of their life is over, or if the clock was set to before it.
    std::shared_ptr<const noise::Credentials> current(std::chrono::sys_seconds now);

    [[nodiscard]] const noise::XOnlyKey& authority() const { return authority_.public_key(); }

  private:
    const noise::Curve& curve_;
    noise::SigningKey authority_;
    std::chrono::seconds validity_;
    std::chrono::sys_seconds made_at_{};
    std::shared_ptr<const noise::Credentials> credentials_;
};

} // namespace role
