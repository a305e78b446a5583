// A folder that nobody else has, removed with all it holds.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace examples {

class FreshFolder {
  public:
    // In `parent`; its name begins with `name`.
    FreshFolder(const std::filesystem::path& parent, const std::string& name) {
        std::string pattern = (parent / (name + "-XXXXXX")).string();
        if (mkdtemp(pattern.data()) == nullptr) throw std::system_error{errno, std::generic_category(), pattern};
        path_ = pattern;
    }
    FreshFolder(const FreshFolder&) = delete;
    FreshFolder& operator=(const FreshFolder&) = delete;
    ~FreshFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

} // namespace examples
