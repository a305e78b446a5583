// Whether a number may be among many, in two bytes for each: a no is certain, one yes in some hundred is wrong.
// Fingerprints are as good as random, and are spread over it as they are.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace storage::postgres {

class Filter {
  public:
    // Room for that many, so that it need not grow.
    void reserve(std::size_t numbers) {
        if (numbers > 0) layers_.emplace_back(numbers);
    }

    void add(std::uint64_t number) {
        if (layers_.empty() || layers_.back().room == 0)
            layers_.emplace_back(layers_.empty() ? smallest : 4 * layers_.back().blocks.size() * numbers_in_block);
        layers_.back().add(number);
    }

    [[nodiscard]] bool may_hold(std::uint64_t number) const {
        return std::ranges::any_of(layers_, [=](const Layer& layer) { return layer.may_hold(number); });
    }

  private:
    static constexpr std::size_t smallest = 4096;
    static constexpr std::size_t numbers_in_block = 32; // of 512 bits, one cache line

    struct Layer {
        using Block = std::array<std::uint64_t, 8>;

        explicit Layer(std::size_t numbers)
            : blocks((numbers + numbers_in_block - 1) / numbers_in_block),
              room{numbers} {}

        // The highest bits choose the block, others seven of its bits.
        [[nodiscard]] std::size_t block_of(std::uint64_t number) const {
            return static_cast<std::size_t>((number >> 32U) * blocks.size() >> 32U);
        }
        template <class Each> static void for_each_bit(std::uint64_t number, Each each) {
            std::uint64_t bits = number * 0x9e3779b97f4a7c15U;
            for (int i = 0; i < 7; ++i, bits >>= 9U) each(bits >> 6U & 7U, std::uint64_t{1} << (bits & 63U));
        }
        void add(std::uint64_t number) {
            Block& block = blocks[block_of(number)];
            for_each_bit(number, [&](std::size_t word, std::uint64_t bit) { block.at(word) |= bit; });
            room -= room > 0 ? 1 : 0;
        }
        [[nodiscard]] bool may_hold(std::uint64_t number) const {
            const Block& block = blocks[block_of(number)];
            bool all = true;
            for_each_bit(number,
                         [&](std::size_t word, std::uint64_t bit) { all = all && (block.at(word) & bit) != 0; });
            return all;
        }

        std::vector<Block> blocks;
        std::size_t room;
    };

    std::vector<Layer> layers_;
};

} // namespace storage::postgres
