#include "src/authority.hpp"

#include "noise/key_text.hpp"
#include "src/key_file.hpp"

#include <string>
#include <string_view>
#include <utility>

namespace role {

namespace {

// The pair in every SRI example: its secret is public.
constexpr std::string_view published_test_key = "9auqWEzQDVyd2oe1JVGFLMLHZtCo2FFqZwtKA5gd9xbuEu7PH72";

std::expected<noise::Secret<32>, ConfigError> development_key(const Config& config, const noise::Curve& curve,
                                                              spdlog::logger& log) {
    const auto file = config.state_directory / "authority.secret";
    std::error_code error;
    if (!std::filesystem::exists(file, error)) {
        if (auto made = write_new_key_pair(curve, config.state_directory, "authority"); !made)
            return std::unexpected(made.error());
        log.info("made an authority key: {}", file.string());
    }
    return read_secret_key(curve, file);
}

std::expected<noise::Secret<32>, ConfigError> find_secret(Config& config, const noise::Curve& curve,
                                                          spdlog::logger& log) {
    if (config.authority_secret_key) return std::move(*config.authority_secret_key);
    if (config.authority_secret_key_file) return read_secret_key(curve, *config.authority_secret_key_file);
    if (!config.listen_address.is_loopback)
        return std::unexpected("listen_address is " + config.listen_address.address +
                               ": without authority_secret_key_file the role listens on loopback addresses only");
    log.info("no authority key is configured: development preset, loopback only");
    return development_key(config, curve, log);
}

} // namespace

std::expected<noise::SigningKey, ConfigError> load_authority(Config& config, const noise::Curve& curve,
                                                             spdlog::logger& log) {
    auto secret = find_secret(config, curve, log);
    if (!secret) return std::unexpected(secret.error());
    auto key = noise::SigningKey::create(curve, *std::move(secret));
    if (!key) return std::unexpected("the authority key: " + std::string{noise::describe(key.error())});

    const std::string public_text = noise::public_key_text(key->public_key());
    if (config.authority_public_key && *config.authority_public_key != key->public_key())
        return std::unexpected("authority_public_key is not the public key of the secret, which is " + public_text);
    if (public_text == published_test_key && !config.listen_address.is_loopback)
        return std::unexpected("the authority key is the one published with SRI's examples; "
                               "make one with `storage-sv2 keygen authority --out DIR`");
    return *std::move(key);
}

} // namespace role
