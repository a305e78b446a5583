// Our client against somebody else's responder: connects, sets up, asks for extensions, prints each reply as a line.
// A process of its own, so that the tests which start it share no code with it.

#include "clients/cpp/connect.hpp"
#include "clients/cpp/randomness.hpp"
#include "clients/cpp/within.hpp"
#include "noise/key_text.hpp"
#include "protocol/catalogue.hpp"

#include <CLI/CLI.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <exception>
#include <iomanip>
#include <iostream>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace {

namespace asio = boost::asio;

struct Options {
    std::string connect;
    std::string authority_key;
    int protocol = 0;
    std::vector<std::string> ask;
};

std::string hex_list(const std::vector<std::uint16_t>& extensions) {
    std::ostringstream text;
    text << std::hex << std::setfill('0');
    for (std::size_t i = 0; i < extensions.size(); ++i)
        text << (i > 0 ? "," : "") << "0x" << std::setw(4) << extensions[i];
    return text.str();
}

struct Print {
    void operator()(const protocol::SetupConnectionSuccess& m) const {
        std::cout << "SetupConnection.Success used_version=" << m.used_version << " flags=" << m.flags << std::endl;
    }
    void operator()(const protocol::SetupConnectionError& m) const {
        std::cout << "SetupConnection.Error flags=" << m.flags << " error_code=" << m.error_code.text << std::endl;
    }
    void operator()(const protocol::RequestExtensionsSuccess& m) const {
        std::cout << "RequestExtensions.Success request_id=" << m.request_id
                  << " supported=" << hex_list(m.supported_extensions.items) << std::endl;
    }
    void operator()(const protocol::RequestExtensionsError& m) const {
        std::cout << "RequestExtensions.Error request_id=" << m.request_id
                  << " unsupported=" << hex_list(m.unsupported_extensions.items)
                  << " required=" << hex_list(m.required_extensions.items) << std::endl;
    }
    template <protocol::Message M> void operator()(const M&) const { std::cout << M::name << std::endl; }
};

// Sends the message and prints the reply, if one comes.
template <protocol::Message M>
asio::awaitable<std::optional<protocol::AnyMessage>> exchange(client::EncryptedStream& stream, M message) {
    auto frame = protocol::encode_frame(message).value();
    if (const auto sent = co_await stream.write_frame(std::move(frame)); !sent) co_return std::nullopt;
    const auto reply = co_await stream.read_frame(2048);
    if (!reply) {
        std::cerr << "no reply: " << reply.error().describe() << std::endl;
        co_return std::nullopt;
    }
    auto decoded = protocol::decode_any(reply->header, reply->payload);
    if (!decoded) {
        std::cerr << "an undecodable reply: " << protocol::describe(decoded.error()) << std::endl;
        co_return std::nullopt;
    }
    std::visit(Print{}, *decoded);
    co_return *std::move(decoded);
}

asio::awaitable<int> run(Options options) {
    const noise::Curve curve = client::make_curve();
    const auto authority = noise::parse_public_key(curve, options.authority_key).value();
    const auto colon = options.connect.rfind(':');
    auto stream = co_await client::within(
        std::chrono::seconds{10},
        client::connect(options.connect.substr(0, colon), options.connect.substr(colon + 1), curve, authority));
    if (!stream) {
        std::cerr << "handshake refused: " << stream.error().describe() << std::endl;
        co_return 1;
    }
    protocol::SetupConnection setup{.protocol = static_cast<protocol::Protocol>(options.protocol),
                                    .min_version = 2,
                                    .max_version = 2,
                                    .flags = 0,
                                    .endpoint_host = {"127.0.0.1"},
                                    .endpoint_port = 0,
                                    .vendor = {"storage-sv2"},
                                    .hardware_version = {},
                                    .firmware = {},
                                    .device_id = {}};
    const auto set_up = co_await exchange(*stream, setup);
    if (!set_up) co_return 1;
    if (!std::holds_alternative<protocol::SetupConnectionSuccess>(*set_up)) co_return 0;

    protocol::RequestExtensions request{.request_id = 1, .requested_extensions = {}};
    for (const auto& extension : options.ask)
        request.requested_extensions.items.push_back(static_cast<std::uint16_t>(std::stoul(extension, nullptr, 0)));
    if (!co_await exchange(*stream, request)) co_return 1;
    co_await stream->close(std::chrono::seconds{1});
    co_return 0;
}

} // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app{"A storage-sv2 client's first messages, against any SV2 responder", "cpp_initiator"};
    app.add_option("--connect", options.connect, "ADDR:PORT of the responder")->required();
    app.add_option("--authority-key", options.authority_key, "its authority public key")->required();
    app.add_option("--protocol", options.protocol, "SetupConnection.protocol")->check(CLI::Range(0, 2));
    app.add_option("--ask", options.ask, "extensions to request, as in 0x5354")->delimiter(',');
    CLI11_PARSE(app, argc, argv);

    asio::io_context io{1};
    int exit_code = 1;
    asio::co_spawn(io, run(options), [&](std::exception_ptr failure, int code) {
        if (failure) std::rethrow_exception(failure);
        exit_code = code;
    });
    io.run();
    return exit_code;
}
