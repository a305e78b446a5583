#include "noise/base58.hpp"

#include <algorithm>
#include <array>

namespace noise {

namespace {

constexpr std::string_view alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
constexpr std::uint8_t no_digit = 0xff;

constexpr auto digit_of = [] {
    std::array<std::uint8_t, 256> digits{};
    digits.fill(no_digit);
    for (std::size_t i = 0; i < alphabet.size(); ++i)
        digits[static_cast<std::uint8_t>(alphabet[i])] = static_cast<std::uint8_t>(i);
    return digits;
}();

// A number that grows from the left: number = number * factor + summand, its digits kept in `base`, lowest first.
class Number {
  public:
    Number(std::span<std::uint8_t> room, unsigned base) : room_{room}, base_{base} {}

    void append(unsigned factor, unsigned summand) {
        unsigned carry = summand;
        for (std::uint8_t& digit : room_.first(size_)) {
            carry += digit * factor;
            digit = static_cast<std::uint8_t>(carry % base_);
            carry /= base_;
        }
        for (; carry != 0; carry /= base_) room_[size_++] = static_cast<std::uint8_t>(carry % base_);
    }

    // Base58 keeps leading zeros by their count, because a number has none.
    std::span<std::uint8_t> highest_first(std::size_t leading_zeros) {
        std::ranges::fill(room_.subspan(size_, leading_zeros), std::uint8_t{0});
        auto digits = room_.first(size_ + leading_zeros);
        std::ranges::reverse(digits);
        return digits;
    }

  private:
    std::span<std::uint8_t> room_;
    unsigned base_;
    std::size_t size_ = 0;
};

} // namespace

std::span<std::uint8_t> encode_base58(std::span<const std::uint8_t> bytes, std::span<std::uint8_t> room) {
    const auto zeros =
        static_cast<std::size_t>(std::ranges::find_if(bytes, [](auto b) { return b != 0; }) - bytes.begin());
    Number number{room, 58};
    for (const std::uint8_t byte : bytes.subspan(zeros)) number.append(256, byte);
    auto text = number.highest_first(zeros);
    std::ranges::transform(text, text.begin(), [](auto digit) { return static_cast<std::uint8_t>(alphabet[digit]); });
    return text;
}

std::expected<std::span<std::uint8_t>, KeyTextError> decode_base58(std::string_view text,
                                                                   std::span<std::uint8_t> room) {
    if (text.size() > room.size()) return std::unexpected(KeyTextError::bad_length);
    const std::size_t zeros = std::min(text.find_first_not_of(alphabet.front()), text.size());
    Number number{room, 256};
    for (const char c : text.substr(zeros)) {
        const std::uint8_t digit = digit_of[static_cast<std::uint8_t>(c)];
        if (digit == no_digit) return std::unexpected(KeyTextError::bad_character);
        number.append(58, digit);
    }
    return number.highest_first(zeros);
}

} // namespace noise
