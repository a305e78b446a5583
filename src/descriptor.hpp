// Owns one file descriptor.
#pragma once

#include <unistd.h>

#include <utility>

namespace role {

class Descriptor {
  public:
    explicit Descriptor(int value) : value_{value} {} // negative: none
    Descriptor(Descriptor&& other) noexcept : value_{std::exchange(other.value_, -1)} {}
    Descriptor& operator=(Descriptor&&) = delete;
    ~Descriptor() {
        if (value_ >= 0) ::close(value_);
    }
    [[nodiscard]] int get() const { return value_; }

  private:
    int value_;
};

} // namespace role
