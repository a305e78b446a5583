// Every message of the catalogue against its golden file: golden/<Name>.hex has a line for each field, in wire order:
// the field's name, then its bytes. A message without a file fails, so does a file without a message.

#include "protocol/catalogue.hpp"
#include "tests/support/hex.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <string>
#include <vector>

using namespace protocol;
using support::from_hex;
using support::to_hex;

namespace {

struct GoldenField {
    std::string name;
    Bytes bytes;
};

std::filesystem::path golden_folder() {
    const char* folder = std::getenv("GOLDEN");
    REQUIRE(folder != nullptr);
    return folder;
}

std::vector<GoldenField> read_golden(std::string_view name) {
    std::ifstream file{golden_folder() / (std::string{name} + ".hex")};
    REQUIRE_MESSAGE(file.is_open(), "no golden file for ", std::string{name});
    std::vector<GoldenField> fields;
    for (std::string line; std::getline(file, line);) {
        line = line.substr(0, line.find('#'));
        std::istringstream words{line};
        GoldenField field;
        if (!(words >> field.name)) continue;
        for (std::string word; words >> word;) {
            const auto bytes = from_hex(word);
            field.bytes.insert(field.bytes.end(), bytes.begin(), bytes.end());
        }
        fields.push_back(field);
    }
    return fields;
}

Bytes concatenated(const std::vector<GoldenField>& fields) {
    Bytes bytes;
    for (const auto& field : fields) bytes.insert(bytes.end(), field.bytes.begin(), field.bytes.end());
    return bytes;
}

template <class M> std::vector<GoldenField> fields_of(const M& message) {
    std::vector<GoldenField> fields;
    std::apply([&](const auto&... field) { (fields.push_back({std::string{field.name}, *encode(field.value)}), ...); },
               M::fields(message));
    return fields;
}

FrameHeader header_of(MessageId id, std::size_t payload_size) {
    return {.extension_type = id.extension_type,
            .channel_msg = id.channel_msg,
            .msg_type = id.msg_type,
            .payload_size = static_cast<std::uint32_t>(payload_size)};
}

void for_each_message(auto&& check) {
    Messages::for_each([&]<class M>(std::type_identity<M>) {
        INFO("message: ", std::string{M::name});
        check.template operator()<M>(concatenated(read_golden(M::name)));
    });
}

} // namespace

TEST_CASE("every message decodes its golden bytes and encodes them again, field by field") {
    for_each_message([]<class M>(const Bytes& golden) {
        const auto message = decode<M>(golden);
        REQUIRE(message.has_value());
        const auto expected = read_golden(M::name);
        const auto actual = fields_of(*message);
        REQUIRE(actual.size() == expected.size());
        for (std::size_t i = 0; i < actual.size(); ++i) {
            CHECK(actual[i].name == expected[i].name);
            CHECK(to_hex(actual[i].bytes) == to_hex(expected[i].bytes));
        }
    });
}

TEST_CASE("every golden file belongs to a message") {
    std::set<std::string> names;
    Messages::for_each([&]<class M>(std::type_identity<M>) { names.insert(std::string{M::name} + ".hex"); });
    std::set<std::string> files;
    for (const auto& entry : std::filesystem::directory_iterator{golden_folder()})
        files.insert(entry.path().filename().string());
    CHECK(files == names);
}

TEST_CASE("no message decodes from a strict prefix of its bytes") {
    for_each_message([]<class M>(const Bytes& golden) {
        for (std::size_t size = 0; size < golden.size(); ++size) {
            INFO("first ", size, " bytes");
            const auto message = decode<M>(ByteView{golden}.first(size));
            REQUIRE_FALSE(message.has_value());
            CHECK(message.error() == DecodeError::truncated);
        }
    });
}

TEST_CASE("bytes after the last field change nothing") {
    for_each_message([]<class M>(Bytes golden) {
        const auto message = decode<M>(golden);
        golden.insert(golden.end(), {0xde, 0xad});
        CHECK((decode<M>(golden) == message));
    });
}

TEST_CASE("a frame's header leads to its message and to its name, with or without the channel bit") {
    for_each_message([]<class M>(const Bytes& golden) {
        FrameHeader header = header_of(M::id, golden.size());
        for (const bool channel_msg : {false, true}) {
            header.channel_msg = channel_msg;
            CHECK(name_of(header) == M::name);
            const auto any = decode_any(header, golden);
            REQUIRE(any.has_value());
            CHECK((std::get<M>(*any) == *decode<M>(golden)));
        }
        CHECK(decode_any(header, {}).error() == DecodeError::truncated);
    });
}

TEST_CASE("a header that no message has is told apart from an extension that no message has") {
    CHECK(decode_any({.extension_type = core_extension, .msg_type = 0x05}, {}).error() == DecodeError::unknown_message);
    CHECK(decode_any({.extension_type = storage_extension, .msg_type = 0x01}, {}).error() ==
          DecodeError::unknown_message);
    CHECK(decode_any({.extension_type = 0x0002, .msg_type = 0x01}, {}).error() == DecodeError::unknown_extension);
    CHECK(decode_any({.extension_type = 0x4001, .msg_type = 0x01}, {}).error() == DecodeError::unknown_extension);
    CHECK_FALSE(name_of({.extension_type = 0x4001, .msg_type = 0x01}).has_value());
}

TEST_CASE("messages of our own extension stay clear of every core msg_type and belong to no channel") {
    Messages::for_each([]<class M>(std::type_identity<M>) {
        if (M::id.extension_type != storage_extension) return;
        CHECK(M::id.msg_type >= 0x80);
        CHECK_FALSE(M::id.channel_msg);
    });
}

TEST_CASE("SetupConnection with a protocol above 2 is a decode error of its own kind") {
    Bytes payload = concatenated(read_golden("SetupConnection"));
    for (const int protocol : {0, 1, 2}) {
        payload[0] = static_cast<std::uint8_t>(protocol);
        CHECK(decode<SetupConnection>(payload)->protocol == static_cast<Protocol>(protocol));
    }
    for (const int protocol : {3, 9, 255}) {
        payload[0] = static_cast<std::uint8_t>(protocol);
        CHECK(decode<SetupConnection>(payload).error() == DecodeError::unknown_protocol);
    }
}

TEST_CASE("golden bytes mean what the specification says they mean") {
    CHECK(decode<SetupConnection>(concatenated(read_golden("SetupConnection"))) ==
          SetupConnection{.protocol = Protocol::mining,
                          .min_version = 2,
                          .max_version = 2,
                          .flags = 0,
                          .endpoint_host = {"storage.example.org"},
                          .endpoint_port = 34274,
                          .vendor = {"acme"},
                          .hardware_version = {""},
                          .firmware = {"pool-1"},
                          .device_id = {"\u00e9"}});
    CHECK(decode<SetupConnectionSuccess>(concatenated(read_golden("SetupConnection.Success"))) ==
          SetupConnectionSuccess{.used_version = 2, .flags = 0x01020304});
    CHECK(decode<SetupConnectionError>(concatenated(read_golden("SetupConnection.Error"))) ==
          SetupConnectionError{.flags = 0, .error_code = {"unsupported-protocol"}});
    CHECK(decode<ChannelEndpointChanged>(concatenated(read_golden("ChannelEndpointChanged"))) ==
          ChannelEndpointChanged{.channel_id = 0x01020304});
    CHECK(decode<Reconnect>(concatenated(read_golden("Reconnect"))) ==
          Reconnect{.new_host = {"localhost"}, .new_port = 34274});
    CHECK(decode<RequestExtensions>(concatenated(read_golden("RequestExtensions"))) ==
          RequestExtensions{.request_id = 7, .requested_extensions = {{2, storage_extension}}});
    CHECK(decode<RequestExtensionsSuccess>(concatenated(read_golden("RequestExtensions.Success"))) ==
          RequestExtensionsSuccess{.request_id = 7, .supported_extensions = {{storage_extension}}});
    CHECK(decode<RequestExtensionsError>(concatenated(read_golden("RequestExtensions.Error"))) ==
          RequestExtensionsError{
              .request_id = 7, .unsupported_extensions = {{2}}, .required_extensions = {{storage_extension}}});
    CHECK(decode<Error>(concatenated(read_golden("Error"))) ==
          Error{.request_id = 0, .code = {"unexpected-message"}, .detail = {"SetupConnection"}});
}
