// What is opened, and what is refused, with what the operator reads.
#include "tests/storage/postgres/scene.hpp"

using namespace postgres_scene;

namespace {

void check_refused(const storage::Result<std::unique_ptr<Engine>>& result, Kind kind, std::string_view words) {
    REQUIRE_FALSE(result);
    CHECK(result.error().kind == kind);
    CHECK_MESSAGE(has(result.error().detail, words), result.error().detail);
}

void replace(std::string& text, const std::string& what, const std::string& by) {
    const auto at = text.find(what);
    REQUIRE(at != std::string::npos);
    text.replace(at, what.size(), by);
}

std::string password() {
    const std::string url = server_url();
    const auto colon = url.find(':', url.find("//"));
    return url.substr(colon + 1, url.find('@') - colon - 1);
}

std::string address() {
    const std::string url = server_url();
    return url.substr(url.find('@') + 1, url.rfind('/') - url.find('@') - 1);
}

} // namespace

TEST_CASE("everything written is there after reopening") {
    Database scene;
    Transaction written;
    storage::Contents before;
    {
        const auto engine = scene.open();
        Log log{*engine};
        for (auto& bytes : one_of_each_kind("1.1.1", noon)) log.add(1, std::move(bytes));
        log.add(2, Bytes{0xee, 1, 2}).derive({1, 2}, {3}).derive({1, 3}, {});
        written = log.take();
        REQUIRE(engine->write(written));
        before = engine->load().value();
        REQUIRE(engine->close());
    }
    const auto engine = scene.open();
    const auto after = engine->load();
    REQUIRE(after);
    CHECK(after->data_set.id == before.data_set.id);
    CHECK(after->data_set.id != 0);
    CHECK(after->fingerprint_key == before.fingerprint_key);
    CHECK(after->head.term == written.head.term);
    REQUIRE(after->derived.size() == 2);
    CHECK(after->derived[0].value == Bytes{3});
    CHECK(after->streams[0].name == storage::StreamName{"pool", 1});
    const auto entries = all(*engine);
    REQUIRE(entries.size() == kinds + 1);
    for (std::size_t i = 0; i < entries.size(); ++i) check_same(entries[i], written.entries[i]);
    check_whole(*engine);
    CHECK(engine->find(*written.entries[0].fingerprint, end_of_numbers).value() == Positions{1});
    CHECK(engine->find(7, end_of_numbers).value().empty());
    CHECK(engine->durability() == protocol::Durability::local);
}

TEST_CASE("a wrong password is refused at once, and not told") {
    std::string url = server_url();
    replace(url, password(), "not-the-password");
    const auto result = open_postgres({.url = url, .patience = std::chrono::seconds{600}});
    check_refused(result, Kind::unusable, "password authentication failed for user");
    CHECK(has(detail(result), "PostgreSQL at 127.0.0.1"));
    CHECK_FALSE(has(detail(result), "not-the-password"));
}

TEST_CASE("a database that does not exist is refused at once") {
    std::string url = server_url();
    url.replace(url.rfind('/'), std::string::npos, "/nowhere");
    check_refused(open_postgres({.url = url, .patience = std::chrono::seconds{600}}), Kind::unusable,
                  "database \"nowhere\" does not exist");
}

TEST_CASE("an url that cannot be read, or is missing, is refused without being told") {
    const auto result = open_postgres({.url = "postgresql://user:secret@[host/db"});
    check_refused(result, Kind::unusable, "should look like postgresql://user@host:5432/database");
    CHECK_FALSE(has(detail(result), "secret"));
    check_refused(open_postgres({.url = ""}), Kind::unusable, "no database_url");
}

TEST_CASE("a user without the right to make the schema is refused, and told the right") {
    Prompt prompt;
    prompt.run("CREATE USER guest PASSWORD 'guest'");
    const std::string url = "postgresql://guest:guest@" + address() + "/postgres?options=-csearch_path%3Dguests";
    check_refused(open_postgres({.url = url}), Kind::unusable, "GRANT CREATE ON DATABASE");
    const Database scene;
    REQUIRE(scene.open()->close());
    const std::string to_other =
        "postgresql://guest:guest@" + address() + "/postgres?options=-csearch_path%3D" + scene.schema;
    check_refused(open_postgres({.url = to_other}), Kind::unusable, "belongs to another user");
    prompt.run("CREATE SCHEMA guests AUTHORIZATION guest"); // an empty one is filled
    CHECK(open_postgres({.url = url}));
}

TEST_CASE("a schema of another program is refused, and left alone") {
    Database scene;
    scene.prompt.run("CREATE SCHEMA " + scene.schema + "; CREATE TABLE shares (company text)");
    check_refused(scene.try_open(), Kind::foreign, "the schema " + scene.schema + " is of another program");
    scene.prompt.run("CREATE TABLE about (something text)");
    check_refused(scene.try_open(), Kind::foreign, "is of another program");
    CHECK(scene.prompt.run("SELECT count(*) FROM pg_class WHERE relnamespace = '" + scene.schema +
                           "'::regnamespace AND relkind = 'r'") == "2\n");
}

TEST_CASE("stores of a newer and of an older version are told apart") {
    Database scene;
    REQUIRE(scene.open()->close());
    scene.prompt.run("UPDATE about SET schema_version = 99");
    check_refused(scene.try_open(), Kind::newer_schema, "has version 99; this program reads and writes 3");
    scene.prompt.run("UPDATE about SET schema_version = 2");
    check_refused(scene.try_open(), Kind::older_schema, "has version 2");
}

TEST_CASE("a copy on another server, and a server that was left behind by a promotion, are refused") {
    Database scene;
    REQUIRE(scene.open()->close());
    scene.prompt.run("UPDATE about SET timeline = 99");
    check_refused(scene.try_open(), Kind::unusable, "the server is at timeline 1, and the store was at 99");
    scene.prompt.run("UPDATE about SET system_identifier = 1");
    check_refused(scene.try_open(), Kind::unusable, "was written by another server, of which this is a copy");
    scene.prompt.run("UPDATE " + scene.schema + ".about SET system_identifier = 0, timeline = 0"); // as it is told
    CHECK(scene.open()->close());
}

TEST_CASE("a server that could lose in a crash what it has confirmed is refused") {
    const Database scene;
    for (const std::string name : {"fsync", "full_page_writes"}) {
        const Setting setting{name, "off"};
        check_refused(scene.try_open(), Kind::unusable, "the server runs with " + name + " off");
    }
    CHECK(scene.try_open());
}

TEST_CASE(
    "records are replicated where a synchronous standby confirms them, and local where it follows at its leisure") {
    const Database scene;
    Receiver receiver;
    CHECK(scene.open()->durability() == protocol::Durability::local);
    const Setting standby{"synchronous_standby_names", Receiver::name};
    receiver.wait_until_synchronous();
    CHECK(scene.open()->durability() == protocol::Durability::replicated);
}

TEST_CASE("a missing server is waited for as long as is asked, and told about each second") {
    std::vector<std::string> told;
    const auto begin = std::chrono::steady_clock::now();
    const auto result = open_postgres({.url = "postgresql://storage:secret@127.0.0.1:1/postgres",
                                       .patience = std::chrono::seconds{1},
                                       .goes_on_waiting = [&](std::string_view why) {
                                           told.emplace_back(why);
                                           return true;
                                       }});
    CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::seconds{1});
    check_refused(result, Kind::unavailable, "there was no server within 1 s");
    REQUIRE(!told.empty());
    CHECK_MESSAGE(has(told[0], "Connection refused"), told[0]);
    CHECK_FALSE(has(told[0], "secret"));
    check_refused(open_postgres({.url = "postgresql://storage:secret@127.0.0.1:1/postgres",
                                 .patience = std::chrono::seconds{600},
                                 .goes_on_waiting = [](std::string_view) { return false; }}),
                  Kind::unavailable, "waiting for the server was given up");
}

TEST_CASE("of several hosts, one that is there is taken") {
    const Database scene;
    std::string url = scene.url;
    replace(url, "@", "@127.0.0.1:1,");
    CHECK(open_postgres({.url = url}));
}
