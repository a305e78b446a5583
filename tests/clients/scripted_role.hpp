// A role that follows a test's script, and a client that meets it over loopback.
//
// g++ 12 destroys an aggregate twice that is made inside a co_await expression: name it before.
#pragma once

#include "clients/cpp/authentication.hpp"
#include "clients/cpp/storage_client.hpp"
#include "tests/clients/responder.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace support {

inline constexpr protocol::AuthenticateSuccess usual_grant{.version = 1,
                                                           .permissions = 0xff,
                                                           .durability = 1,
                                                           .dataset_id = 5,
                                                           .generation = 0,
                                                           .durable_sequence = 0,
                                                           .max_frame = 1U << 20U,
                                                           .max_record = 1U << 19U,
                                                           .max_in_flight = 1U << 22U};

inline std::vector<protocol::VerdictEntry> no_verdicts() {
    return {};
}

// One connection, seen from the role's side.
class Session {
  public:
    explicit Session(client::EncryptedStream stream) : stream_{std::move(stream)} {}

    template <protocol::Message M> boost::asio::awaitable<void> send(M message) {
        auto frame = protocol::encode_frame(message).value();
        (void)co_await stream_.write_frame(std::move(frame)); // a client that has gone is for receive() to find
    }
    // The next message, which must be an M; nothing if the client has closed.
    template <protocol::Message M> boost::asio::awaitable<std::optional<M>> receive() {
        const auto frame = co_await stream_.read_frame(1U << 20U);
        if (!frame) co_return std::nullopt;
        auto message = protocol::decode_any(frame->header, frame->payload);
        if (!message || !std::holds_alternative<M>(*message))
            throw std::runtime_error{"another message than " + std::string{M::name}};
        co_return std::get<M>(*std::move(message));
    }
    boost::asio::awaitable<void> acknowledge(std::uint64_t durable_sequence,
                                             std::vector<protocol::VerdictEntry> verdicts) {
        protocol::StoreSuccess success{.durable_sequence = durable_sequence, .verdicts = {}};
        for (const auto& verdict : verdicts) success.verdicts.items.push_back({protocol::encode(verdict).value()});
        co_await send(std::move(success));
    }
    boost::asio::awaitable<void> end_with(std::string_view code) {
        const protocol::Error error{.request_id = 0, .code = {std::string{code}}, .detail = {"as scripted"}};
        co_await send(error);
        co_await stream_.close(std::chrono::seconds{30});
    }
    [[nodiscard]] const noise::Hash& handshake_hash() const { return stream_.handshake_hash(); }

  private:
    client::EncryptedStream stream_;
};

struct Scene {
    Responder responder;
    noise::SigningKey key = noise::SigningKey::create(responder.curve, client::random_secret()).value();
    noise::XOnlyKey public_key = key.public_key();
    client::StorageClientOptions options;
    std::optional<client::StorageClient> client;
    std::vector<client::Event> events;
    std::function<void(const client::Event&)> also = [](const client::Event&) {};
    std::optional<client::Ending> ending;
    bool script_has_ended = false;

    Scene() {
        options.addresses = {{.host = "127.0.0.1", .port = responder.port()}};
        options.authority = responder.authority.public_key();
        options.stream_id = 7;
    }

    client::StorageClient& start() {
        return client.emplace(responder.io.get_executor(), responder.curve, std::move(key), options,
                              [this](const client::Event& event) {
                                  events.push_back(event);
                                  also(event);
                              });
    }

    // The client and the role's script, until both have ended.
    void play(boost::asio::awaitable<void> script) {
        boost::asio::co_spawn(responder.io, run_client(), rethrow);
        boost::asio::co_spawn(responder.io, run_script(std::move(script)), rethrow);
        responder.io.run_for(std::chrono::seconds{30});
        REQUIRE(script_has_ended);
        REQUIRE(ending.has_value());
    }

    // A client that connects and proves who it is; `grant` is the answer.
    boost::asio::awaitable<Session> open(protocol::AuthenticateSuccess grant = usual_grant,
                                         protocol::Authenticate* proof = nullptr) {
        auto stream = co_await responder.accept();
        if (!stream) throw std::runtime_error{stream.error().describe()};
        Session session{*std::move(stream)};
        CHECK((co_await session.receive<protocol::SetupConnection>()).value().max_version == 2);
        co_await session.send(protocol::SetupConnectionSuccess{.used_version = 2, .flags = 0});
        const auto request = (co_await session.receive<protocol::RequestExtensions>()).value();
        const protocol::RequestExtensionsSuccess negotiated{.request_id = request.request_id,
                                                            .supported_extensions = request.requested_extensions};
        co_await session.send(negotiated);
        const auto authenticate = (co_await session.receive<protocol::Authenticate>()).value();
        const auto digest =
            client::authentication_digest(session.handshake_hash(), responder.authority.public_key(), authenticate);
        CHECK(authenticate.client_public_key.bytes == public_key.bytes);
        CHECK(noise::verify_signature(responder.curve, public_key, digest, authenticate.signature.bytes));
        if (proof != nullptr) *proof = authenticate;
        co_await session.send(grant);
        co_return session;
    }

    template <class E> [[nodiscard]] std::vector<E> all() const {
        std::vector<E> found;
        for (const auto& event : events)
            if (const auto* const one = std::get_if<E>(&event)) found.push_back(*one);
        return found;
    }

  private:
    static void rethrow(std::exception_ptr failure) {
        if (failure) std::rethrow_exception(failure);
    }
    boost::asio::awaitable<void> run_client() { ending = co_await client->run(); }
    boost::asio::awaitable<void> run_script(boost::asio::awaitable<void> script) {
        co_await std::move(script);
        script_has_ended = true;
    }
};

} // namespace support
