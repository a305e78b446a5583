// clients.toml: who may connect, and what is refused before anyone does.

#include "src/client_table.hpp"

#include "clients/cpp/randomness.hpp"
#include "noise/key_text.hpp"
#include "noise/signing_key.hpp"
#include "protocol/storage_messages.hpp"
#include "tests/support/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>
#include <string>

using role::ClientTable;

namespace {

const noise::Curve& curve() {
    static const noise::Curve curve = client::make_curve();
    return curve;
}

noise::XOnlyKey make_key() {
    return noise::SigningKey::create(curve(), client::random_secret()).value().public_key();
}

struct File {
    support::TemporaryFolder folder;
    std::filesystem::path path = folder.path() / "clients.toml";

    explicit File(const std::string& content, std::filesystem::perms rights = std::filesystem::perms{0600}) {
        std::ofstream{path} << content;
        std::filesystem::permissions(path, rights);
    }
    [[nodiscard]] auto read() const { return ClientTable::read(path, curve()); }
};

std::string entry(const std::string& identity, const noise::XOnlyKey& key, const std::string& more = "") {
    return "[[client]]\nidentity = \"" + identity + "\"\npublic_key = \"" + noise::public_key_text(key) +
           "\"\nallow = [\"share.write\"]\n" + more;
}

void check_refused(const std::string& content, const std::string& line, const std::string& reason) {
    const File file{content};
    const auto table = file.read();
    REQUIRE_FALSE(table.has_value());
    INFO(table.error());
    CHECK(table.error().find(file.path.string() + line) == 0);
    CHECK(table.error().find(reason) != std::string::npos);
}

} // namespace

TEST_CASE("each client has its identity, its pool and what it is allowed; the pool is the identity unless named") {
    const auto pool_key = make_key();
    const auto jds_key = make_key();
    const File file{"[[client]]\nidentity = \"pool-eu-1\"\npublic_key = \"" + noise::public_key_text(pool_key) +
                    "\"\nallow = [\"share.write\", \"block.write\", \"query.own\"]\n\n[[client]]\nidentity = \"jds\"\n"
                    "public_key = \"" +
                    noise::public_key_text(jds_key) +
                    "\"\nallow = [\"job.write\", \"query.all\", \"admin\"]\npool = \"pool-eu-1\"\n"};
    const auto table = file.read().value();
    CHECK(table.find(pool_key) ==
          role::Client{.identity = "pool-eu-1",
                       .pool = "pool-eu-1",
                       .permissions =
                           protocol::permit_share_write | protocol::permit_block_write | protocol::permit_query_own});
    CHECK(table.find(jds_key) == role::Client{.identity = "jds",
                                              .pool = "pool-eu-1",
                                              .permissions = protocol::permit_job_write | protocol::permit_query_all |
                                                             protocol::permit_admin});
    CHECK_FALSE(table.find(make_key()).has_value());
}

TEST_CASE("one identity may have two keys: they are changed that way") {
    const File file{entry("pool", make_key()) + entry("pool", make_key())};
    CHECK(file.read().has_value());
}

TEST_CASE("what is wrong is refused with its line") {
    const auto key = make_key();
    const std::string good = entry("a", key); // lines 1 to 4
    const std::string text = noise::public_key_text(key);
    check_refused(good + "from = [\"10.0.0.0/8\"]\n", ":5", "unknown key client.from");
    check_refused("version = 1\n" + good, ":1", "unknown key version");
    check_refused("client = 3\n", ":1", "expected [[client]]");
    check_refused("", "", "no [[client]]");
    check_refused("[[client]]\npublic_key = \"" + text + "\"\nallow = [\"admin\"]\n", ":1",
                  "client.identity is missing");
    check_refused("[[client]]\nidentity = 7\n", ":2", "client.identity: expected 1 to 64 letters");
    check_refused("[[client]]\nidentity = \"a b\"\n", ":2", "client.identity: expected 1 to 64 letters");
    check_refused("[[client]]\nidentity = \"" + std::string(65, 'a') + "\"\n", ":2", "client.identity");
    check_refused("[[client]]\nidentity = \"a\"\nallow = [\"admin\"]\n", ":1", "client.public_key is missing");
    auto broken = text;
    broken.back() = broken.back() == '2' ? '3' : '2';
    check_refused("[[client]]\nidentity = \"a\"\npublic_key = \"" + broken + "\"\n", ":3",
                  "client.public_key: expected");
    const std::string up_to_allow = "[[client]]\nidentity = \"a\"\npublic_key = \"" + text + "\"\n";
    check_refused(up_to_allow, ":1", "client.allow is missing: expected a list of share.write, block.write");
    check_refused(up_to_allow + "allow = []\n", ":4", "client.allow: expected");
    check_refused(up_to_allow + "allow = \"admin\"\n", ":4", "client.allow: expected");
    check_refused(up_to_allow + "allow = [\"share.read\"]\n", ":4", "client.allow: expected");
    check_refused(up_to_allow + "allow = [1]\n", ":4", "client.allow: expected");
    check_refused(good + entry("b", key), ":5", "this public_key stands in the file already");
    check_refused(good + entry("a", make_key(), "pool = \"other\"\n"), ":5", "expected one pool");
    check_refused(good + "identity = \"twice\"\n", ":5", "identity");
    check_refused("[[client\n", ":1", "");
}

TEST_CASE("a file that others can write is refused: they could let anyone in") {
    for (const int rights : {0620, 0602, 0666}) {
        const File file{entry("a", make_key()), static_cast<std::filesystem::perms>(rights)};
        CHECK(file.read().error().find("expected mode 0600") != std::string::npos);
    }
    CHECK(File{entry("a", make_key()), std::filesystem::perms{0644}}.read().has_value()); // public keys are public
}

TEST_CASE("a file that is not there, or a folder, is refused") {
    const support::TemporaryFolder folder;
    CHECK_FALSE(ClientTable::read(folder.path() / "missing.toml", curve()).has_value());
    CHECK_FALSE(ClientTable::read(folder.path(), curve()).has_value());
}
