// The head of a store, kept beside it in the state directory: a store that was put back from an older copy, or has lost
// its tail, cannot know that by itself, but this file does.
//
// `watermark-<data set>`, one for each data set, has two slots of 512 bytes with a line of text each, which are written
// in turn and in place: a write that is cut off costs its slot, and a disk that has become full none. The newest slot
// that is whole counts. A line is
//   storage-sv2 watermark 1 <number of the write> <data set> <generation> <position> <chain> <checksum>
// with data set, chain and checksum (BLAKE2b over what stands before it) in hexadecimal, and blanks up to its end.
#pragma once

#include "src/descriptor.hpp"
#include "storage/store.hpp"

#include <spdlog/logger.h>

#include <cstdint>
#include <expected>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace role {

class Watermark {
  public:
    using Error = std::string; // with the file's name

    // Makes the file (0600), empty, if it is missing. Refuses one that is no regular file, or that holds something and
    // no mark of this data set.
    static std::expected<Watermark, Error> open(const std::filesystem::path& state_directory, std::uint64_t data_set,
                                                std::shared_ptr<spdlog::logger> log);

    [[nodiscard]] const std::filesystem::path& file() const { return file_; }
    // What was last written before this object; nothing in a new file.
    [[nodiscard]] const std::optional<storage::Mark>& found() const { return found_; }

    // Into the kernel's hands, which is enough against all but a power cut: that may leave an older mark. A write that
    // fails is logged, once until one succeeds.
    void write(const storage::Mark& mark);

  private:
    Watermark(std::filesystem::path file, Descriptor descriptor, std::shared_ptr<spdlog::logger> log)
        : file_{std::move(file)},
          descriptor_{std::move(descriptor)},
          log_{std::move(log)} {}

    std::expected<void, Error> read(std::uint64_t data_set);
    [[nodiscard]] int put(std::string_view text, off_t offset) const; // 0 or errno

    std::filesystem::path file_;
    Descriptor descriptor_;
    std::shared_ptr<spdlog::logger> log_;
    std::optional<storage::Mark> found_;
    std::uint64_t writes_ = 0; // that have succeeded, here and before
    bool is_failing_ = false;
};

// The files of other data sets in the folder; in the order of their names.
std::vector<std::filesystem::path> other_watermarks(const Watermark& watermark);

} // namespace role
