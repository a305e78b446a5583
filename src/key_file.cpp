#include "src/key_file.hpp"

#include "clients/cpp/randomness.hpp"
#include "noise/key_text.hpp"
#include "noise/signing_key.hpp"
#include "src/descriptor.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <system_error>
#include <utility>

namespace role {

namespace {

KeyFileError failure(const std::filesystem::path& file, std::string_view what) {
    return fmt::format("{}: {}", file.string(), what);
}

KeyFileError failure(const std::filesystem::path& file, std::string_view what, int error) {
    return fmt::format("{}: {}: {}", file.string(), what, std::generic_category().message(error));
}

// Creates the file, and takes it away again unless keep() is called.
class NewFile {
  public:
    NewFile(std::filesystem::path path, mode_t mode)
        : path_{std::move(path)},
          file_{::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode)},
          error_{file_.get() < 0 ? errno : 0},
          made_{error_ == 0} {}
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;
    ~NewFile() {
        if (made_) ::unlink(path_.c_str());
    }

    // The text and a newline, on disk on return.
    void write(std::string_view text) {
        for (const std::string_view part : {text, std::string_view{"\n"}}) {
            if (error_ != 0) break;
            const ssize_t written = ::write(file_.get(), part.data(), part.size());
            if (written != static_cast<ssize_t>(part.size())) error_ = written < 0 ? errno : ENOSPC;
        }
        if (error_ == 0 && ::fsync(file_.get()) != 0) error_ = errno;
    }
    [[nodiscard]] std::optional<KeyFileError> error() const {
        if (error_ == 0) return std::nullopt;
        if (error_ == EEXIST) return failure(path_, "exists already, and a key is never overwritten");
        return failure(path_, "cannot be written", error_);
    }
    void keep() { made_ = false; }

  private:
    std::filesystem::path path_;
    Descriptor file_;
    int error_;
    bool made_;
};

} // namespace

std::expected<noise::Secret<32>, KeyFileError> read_secret_key(const noise::Curve& curve,
                                                               const std::filesystem::path& file) {
    const Descriptor descriptor{::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK)};
    if (descriptor.get() < 0) return std::unexpected(failure(file, "cannot be read", errno));
    struct stat status{};
    if (::fstat(descriptor.get(), &status) != 0) return std::unexpected(failure(file, "cannot be read", errno));
    if (!S_ISREG(status.st_mode)) return std::unexpected(failure(file, "is no regular file"));
    if ((status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return std::unexpected(failure(
            file, fmt::format("holds a secret key and is open to others (mode {:04o}); expected 0600: chmod 600 {}",
                              status.st_mode & 07777U, file.string())));

    noise::Secret<128> buffer; // more than any key's text
    const auto bytes = buffer.expose();
    const ssize_t size = ::read(descriptor.get(), bytes.data(), bytes.size());
    if (size < 0) return std::unexpected(failure(file, "cannot be read", errno));
    std::string_view text{reinterpret_cast<const char*>(bytes.data()), static_cast<std::size_t>(size)};
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r' || text.back() == ' ')) text.remove_suffix(1);

    auto secret = noise::parse_secret_key(curve, text);
    if (!secret)
        return std::unexpected(failure(file, fmt::format("holds no secret key as keygen writes it (base58check): {}",
                                                         noise::describe(secret.error()))));
    return *std::move(secret);
}

std::expected<noise::XOnlyKey, KeyFileError>
write_new_key_pair(const noise::Curve& curve, const std::filesystem::path& folder, std::string_view name) {
    std::error_code error;
    if (std::filesystem::create_directories(folder, error))
        std::filesystem::permissions(folder, std::filesystem::perms::owner_all, error);
    if (error) return std::unexpected(failure(folder, "cannot be made", error.value()));

    noise::Secret<32> secret = client::random_secret();
    const noise::SecretText secret_text{secret};
    const auto key = noise::SigningKey::create(curve, std::move(secret));
    if (!key) return std::unexpected(failure(folder, noise::describe(key.error())));

    NewFile secret_file{folder / (std::string{name} + ".secret"), S_IRUSR | S_IWUSR};
    if (const auto failed = secret_file.error()) return std::unexpected(*failed);
    NewFile public_file{folder / (std::string{name} + ".public"), S_IRUSR | S_IWUSR | S_IRGRP | S_IROTH};
    if (const auto failed = public_file.error()) return std::unexpected(*failed);
    secret_file.write(secret_text.view());
    public_file.write(noise::public_key_text(key->public_key()));
    for (const auto& failed : {secret_file.error(), public_file.error()})
        if (failed) return std::unexpected(*failed);
    secret_file.keep();
    public_file.keep();
    return key->public_key();
}

} // namespace role
