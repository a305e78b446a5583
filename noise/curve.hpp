// secp256k1, ready for use. Made once by main() and handed down by reference: every key operation takes it. The random
// bytes blind computations on secrets against side channels; they influence no result.
// Const use is safe from many threads at once.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>

struct secp256k1_context_struct;

namespace noise {

class Curve {
  public:
    // Also readies libsodium (again is no harm), so that whoever holds a Curve may use the whole room at full speed.
    [[nodiscard]] static Curve create(std::span<const std::uint8_t, 32> blinding);

    [[nodiscard]] const secp256k1_context_struct* context() const { return context_.get(); }

  private:
    struct Destroy {
        void operator()(secp256k1_context_struct* context) const noexcept;
    };

    explicit Curve(std::unique_ptr<secp256k1_context_struct, Destroy> context) : context_{std::move(context)} {}

    std::unique_ptr<secp256k1_context_struct, Destroy> context_;
};

} // namespace noise
