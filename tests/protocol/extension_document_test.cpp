// EXTENSION.md says what the code does: its tables name the fields of the structs, its examples are bytes that the code
// reads and writes, its codes are those of the headers, and its worked authentication can be recomputed.

#include "noise/curve.hpp"
#include "noise/hash.hpp"
#include "noise/signing_key.hpp"
#include "protocol/catalogue.hpp"
#include "protocol/records.hpp"
#include "protocol/verdict.hpp"
#include "tests/protocol/golden.hpp"
#include "tests/support/hex.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

using namespace golden;
using namespace protocol;
using support::to_hex;

namespace {

// g++ 12 sees overlaps where a literal meets a string with operator+.
std::string joined(std::initializer_list<std::string_view> parts) {
    std::string whole;
    for (const std::string_view part : parts) whole += part;
    return whole;
}

std::string read_text(const char* variable) {
    const char* path = std::getenv(variable);
    REQUIRE(path != nullptr);
    std::ifstream file{path};
    REQUIRE(file.is_open());
    return {std::istreambuf_iterator<char>{file}, {}};
}

std::string document() {
    return read_text("EXTENSION_DOCUMENT");
}

using Row = std::vector<std::string>;

Row split_row(const std::string& line) {
    Row cells;
    std::istringstream text{line.substr(1)};
    for (std::string cell; std::getline(text, cell, '|');) {
        const auto first = cell.find_first_not_of(' ');
        const auto last = cell.find_last_not_of(' ');
        cells.push_back(first == std::string::npos ? "" : cell.substr(first, last - first + 1));
    }
    return cells;
}

// What stands first in the line that names a message, a struct or a record: "### 4.1 `Ping` (...)" or "`Totals`, ...".
std::string name_in(const std::string& line) {
    static const std::regex title{"^(?:#+ [0-9.]+ )?`([A-Za-z.]+)`.*"};
    std::smatch found;
    return std::regex_match(line, found, title) ? found[1].str() : "";
}

// Every table of fields, under the name that was last introduced before it.
std::map<std::string, std::vector<Row>> field_tables() {
    std::map<std::string, std::vector<Row>> tables;
    std::istringstream lines{document()};
    std::string name;
    bool is_inside = false;
    for (std::string line; std::getline(lines, line);) {
        if (const auto found = name_in(line); !found.empty()) name = found;
        if (line.starts_with("| Field Name |")) {
            is_inside = true;
            INFO("a second table of ", name);
            REQUIRE_FALSE(tables.contains(name));
            tables[name] = {};
        } else if (!line.starts_with('|')) {
            is_inside = false;
        } else if (is_inside && !line.starts_with("|---")) {
            tables[name].push_back(split_row(line));
        }
    }
    return tables;
}

// The first cells of the table whose first heading is `heading`.
std::vector<Row> table_headed(std::string_view heading) {
    std::vector<Row> rows;
    std::istringstream lines{document()};
    bool is_inside = false;
    for (std::string line; std::getline(lines, line);) {
        if (line.starts_with(joined({"| ", heading, " |"}))) {
            is_inside = true;
        } else if (!line.starts_with('|')) {
            is_inside = false;
        } else if (is_inside && !line.starts_with("|---")) {
            rows.push_back(split_row(line));
        }
    }
    return rows;
}

// The examples of one sort (message, record, struct, authentication), by name.
std::map<std::string, GoldenFields> examples(const std::string& sort) {
    std::map<std::string, GoldenFields> found;
    std::istringstream lines{document()};
    const std::string opening = joined({"```hex ", sort, " "});
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with(opening)) continue;
        const std::string name = line.substr(opening.size());
        std::string body;
        while (std::getline(lines, line) && line != "```") body += joined({line, "\n"});
        std::istringstream text{body};
        INFO("a second example of ", name);
        REQUIRE_FALSE(found.contains(name));
        found[name] = read_fields(text);
    }
    return found;
}

// The specification's name of a field's type.
template <class T> struct WireType;
template <> struct WireType<bool> {
    static std::string name() { return "BOOL"; }
};
template <std::unsigned_integral T> struct WireType<T> {
    static std::string name() { return joined({"U", std::to_string(sizeof(T) * 8)}); }
};
template <> struct WireType<U256> {
    static std::string name() { return "U256"; }
};
template <> struct WireType<Pubkey> {
    static std::string name() { return "PUBKEY"; }
};
template <> struct WireType<Signature> {
    static std::string name() { return "SIGNATURE"; }
};
template <> struct WireType<Str0_255> {
    static std::string name() { return "STR0_255"; }
};
template <> struct WireType<B0_32> {
    static std::string name() { return "B0_32"; }
};
template <> struct WireType<B0_255> {
    static std::string name() { return "B0_255"; }
};
template <> struct WireType<B0_64K> {
    static std::string name() { return "B0_64K"; }
};
template <> struct WireType<B0_16M> {
    static std::string name() { return "B0_16M"; }
};
template <class T> struct WireType<Seq0_64K<T>> {
    static std::string name() { return joined({"SEQ0_64K[", WireType<T>::name(), "]"}); }
};
template <class T> struct WireType<Option<T>> {
    static std::string name() { return joined({"OPTION[", WireType<T>::name(), "]"}); }
};

template <class Value> std::string wire_type(const Field<Value>&) {
    return WireType<std::remove_const_t<Value>>::name();
}

// Calls visit.template operator()<S>(sort, name) for everything that has fields.
void for_each_struct(auto&& visit) {
    Messages::for_each([&]<class M>(std::type_identity<M>) {
        if constexpr (M::id.extension_type == storage_extension)
            visit.template operator()<M>("message", std::string{M::name});
    });
    for_each_record([&]<class R>(std::string_view name) { visit.template operator()<R>("record", std::string{name}); });
    visit.template operator()<VerdictEntry>("struct", "VerdictEntry");
    visit.template operator()<Totals>("struct", "Totals");
    visit.template operator()<StoredRecord>("struct", "StoredRecord");
    visit.template operator()<StreamState>("struct", "StreamState");
    visit.template operator()<FoundBlock>("struct", "FoundBlock");
    visit.template operator()<HourTotals>("struct", "HourTotals");
    visit.template operator()<ChannelDrift>("struct", "ChannelDrift");
    visit.template operator()<AcknowledgmentOutcome>("struct", "AcknowledgmentOutcome");
    visit.template operator()<BlockFoundOutcome>("struct", "BlockFoundOutcome");
    visit.template operator()<FailedOutcome>("struct", "FailedOutcome");
    visit.template operator()<RejectCount>("struct", "RejectCount");
}

std::set<std::string> verdict_codes() {
    std::set<std::string> codes;
    for (int number = 1; number <= static_cast<int>(last_verdict); ++number)
        codes.emplace(to_text(static_cast<Verdict>(number)));
    return codes;
}

// The header is the list.
std::set<std::string> error_codes() {
    const std::string header = read_text("ERROR_CODES");
    const std::regex constant{"std::string_view \\w+ = \"([a-z-]+)\";"};
    std::set<std::string> codes;
    for (std::sregex_iterator it{header.begin(), header.end(), constant}; it != std::sregex_iterator{}; ++it)
        codes.insert((*it)[1]);
    REQUIRE_FALSE(codes.empty());
    return codes;
}

std::set<std::string> codes_in_table(std::string_view heading) {
    std::set<std::string> codes;
    for (const Row& row : table_headed(heading)) {
        const std::string& cell = row.at(0);
        REQUIRE(cell.size() > 2);
        codes.insert(cell.substr(1, cell.size() - 2));
    }
    return codes;
}

template <std::size_t size> std::array<std::uint8_t, size> array_of(const Bytes& bytes) {
    REQUIRE(bytes.size() == size);
    std::array<std::uint8_t, size> array{};
    std::ranges::copy(bytes, array.begin());
    return array;
}

Bytes ascii(std::string_view text) {
    return {text.begin(), text.end()};
}

} // namespace

TEST_CASE("each table lists exactly the fields of its struct, in their order and with their types") {
    auto tables = field_tables();
    for_each_struct([&]<class S>(std::string_view, const std::string& name) {
        INFO("struct: ", name);
        REQUIRE(tables.contains(name));
        const auto rows = tables.extract(name).mapped();
        S value{};
        std::vector<std::pair<std::string, std::string>> expected;
        std::vector<std::pair<std::string, std::string>> actual;
        S::fields(value)([&](const auto&... field) { (expected.emplace_back(field.name, wire_type(field)), ...); });
        for (const Row& row : rows) actual.emplace_back(row.at(0), row.at(1));
        CHECK(actual == expected);
    });
    for (const auto& [name, rows] : tables) FAIL_CHECK("a table of something unknown: ", name);
}

TEST_CASE("each example holds the fields of its struct and is encoded again to the same bytes") {
    std::map<std::string, std::map<std::string, GoldenFields>> all;
    for (const std::string sort : {"message", "record", "struct"}) all[sort] = examples(sort);
    for_each_struct([&]<class S>(const std::string& sort, const std::string& name) {
        INFO(sort, ": ", name);
        REQUIRE(all.at(sort).contains(name));
        GoldenFields expected = all.at(sort).extract(name).mapped();
        const Bytes bytes = concatenated(expected);
        if constexpr (Record<S>) {
            const auto read = read_record(bytes);
            REQUIRE(read.has_value());
            REQUIRE(std::holds_alternative<S>(read->record));
            CHECK(to_hex(encode_record(std::get<S>(read->record), read->extra).value()) == to_hex(bytes));
            CHECK(expected.front().name == "kind");
            expected.erase(expected.begin());
            if (expected.back().name == "extra") expected.pop_back();
            check_same(fields_of(std::get<S>(read->record)), expected);
        } else {
            const auto value = decode<S>(bytes);
            REQUIRE(value.has_value());
            CHECK(to_hex(encode(*value).value()) == to_hex(bytes));
            check_same(fields_of(*value), expected);
        }
    });
    for (const auto& [sort, rest] : all)
        for (const auto& [name, fields] : rest) FAIL_CHECK("an example of something unknown: ", name);
}

TEST_CASE("the message types are those of the catalogue, and their channel bit is 0") {
    std::set<Row> expected;
    Messages::for_each([&]<class M>(std::type_identity<M>) {
        if (M::id.extension_type != storage_extension) return;
        expected.insert(
            {joined({"0x", to_hex(Bytes{M::id.msg_type})}), M::id.channel_msg ? "1" : "0", std::string{M::name}});
    });
    const auto rows = table_headed("Message Type (8-bit)");
    CHECK(std::set<Row>(rows.begin(), rows.end()) == expected);
    CHECK(rows.size() == expected.size());
}

TEST_CASE("every message but answers is in the tables of who may send what") {
    std::set<std::string> listed;
    const std::regex name{"[A-Z][A-Za-z.]+"};
    for (const Row& row : table_headed("Message"))
        for (std::sregex_iterator it{row.at(0).begin(), row.at(0).end(), name}; it != std::sregex_iterator{}; ++it)
            listed.insert(it->str());
    Messages::for_each([&]<class M>(std::type_identity<M>) {
        if (M::id.extension_type != storage_extension || M::name.ends_with(".Success")) return;
        INFO("message: ", std::string{M::name});
        CHECK(listed.contains(std::string{M::name}));
    });
}

TEST_CASE("every section that is referred to is there") {
    const std::string text = document();
    const std::regex reference{"section ([0-9]+\\.[0-9]+)(?!\\.?[0-9])"};
    for (std::sregex_iterator it{text.begin(), text.end(), reference}; it != std::sregex_iterator{}; ++it) {
        INFO("section: ", (*it)[1].str());
        CHECK(text.find(joined({"\n### ", (*it)[1].str(), " "})) != std::string::npos);
    }
}

TEST_CASE("the record kinds are numbered as in the code, those without a struct reserved") {
    std::map<std::string, std::string> sections;
    for_each_record([&]<class R>(std::string_view name) {
        sections[std::to_string(static_cast<int>(R::kind))] = std::string{name};
    });
    const std::string text = document();
    const auto rows = table_headed("Kind");
    CHECK(rows.size() == static_cast<std::size_t>(RecordKind::lost));
    for (const Row& row : rows) {
        INFO("kind ", row.at(0));
        if (row.at(2).starts_with("reserved")) {
            CHECK_FALSE(sections.contains(row.at(0)));
        } else {
            CHECK(sections[row.at(0)] == row.at(1));
            REQUIRE(row.at(2).starts_with("section "));
            CHECK(text.find(joined({"\n### ", row.at(2).substr(8), " `", row.at(1), "`\n"})) != std::string::npos);
        }
    }
}

TEST_CASE("the document has every verdict and every error code, and none that the code lacks") {
    CHECK(codes_in_table("Verdict") == verdict_codes());
    CHECK(codes_in_table("Code") == error_codes());

    std::set<std::string> known = verdict_codes();
    known.merge(error_codes());
    const std::string text = document();
    const std::regex quoted{"`([a-z]+(?:-[a-z]+)+)`"};
    for (std::sregex_iterator it{text.begin(), text.end(), quoted}; it != std::sregex_iterator{}; ++it) {
        INFO("code: ", (*it)[1].str());
        CHECK(known.contains((*it)[1]));
    }
}

TEST_CASE("the limits are those of the code") {
    const std::string text = document();
    CHECK(text.find("max_record (524,288 bytes)") != std::string::npos);
    static_assert(max_record_size == 524'288);
    CHECK(text.find("At most 253402300799999,") != std::string::npos);
    static_assert(last_timestamp == 253'402'300'799'999);
    CHECK(text.find("`0x5354`") != std::string::npos);
    static_assert(storage_extension == 0x5354 && storage_version == 1);
}

TEST_CASE("the worked authentication can be recomputed, step by step, and is the example of Authenticate") {
    std::map<std::string, Bytes> given;
    const auto worked = examples("authentication");
    for (const auto& [name, bytes] : worked.at("Example")) given[name] = bytes;
    const auto hash_of = [&](const char* name) { return array_of<32>(given.at(name)); };
    const auto check = [&](const char* name, const auto& computed) {
        INFO(std::string{name});
        CHECK(to_hex(computed) == to_hex(given.at(name)));
    };

    REQUIRE(given.at("act1").size() == 64);
    REQUIRE(given.at("act2").size() == 234);
    const std::span act2{given.at("act2")};
    check("ck", noise::sha256({ascii("Noise_NX_Secp256k1+EllSwift_ChaChaPoly_SHA256")}));
    check("h0", noise::sha256({given.at("ck")}));
    check("h1", noise::sha256({given.at("h0"), given.at("act1")}));
    check("h2", noise::sha256({given.at("h1")}));
    check("h3", noise::sha256({given.at("h2"), act2.subspan(0, 64)}));
    check("h4", noise::sha256({given.at("h3"), act2.subspan(64, 80)}));
    check("h5", noise::sha256({given.at("h4"), act2.subspan(144, 90)}));

    const Bytes authenticate = concatenated(examples("message").at("Authenticate"));
    REQUIRE(authenticate.size() == 132);
    check("payload", std::span{authenticate}.first(68));
    check("signature", std::span{authenticate}.subspan(68));
    check("tag_hash", noise::sha256({ascii("sv2-storage/client-auth/v1")}));
    const auto& tag = given.at("tag_hash");
    check("digest", noise::sha256({tag, tag, given.at("h5"), given.at("authority"), given.at("payload")}));

    const auto curve = noise::Curve::create(std::array<std::uint8_t, 32>{});
    const auto key = noise::SigningKey::create(curve, noise::Secret<32>{hash_of("secret_key")});
    REQUIRE(key.has_value());
    check("public_key", key->public_key().bytes);
    CHECK(to_hex(decode<Authenticate>(authenticate)->client_public_key.bytes) == to_hex(given.at("public_key")));
    const auto signature = key->sign(curve, hash_of("digest"), hash_of("aux_rand"));
    REQUIRE(signature.has_value());
    check("signature", *signature);
    CHECK(noise::verify_signature(curve, key->public_key(), hash_of("digest"), *signature));
    CHECK(given.size() == 17);
}
