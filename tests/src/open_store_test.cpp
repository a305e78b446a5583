// What the operator is told of a database, and of the waiting for it.

#include "src/open_store.hpp"

#include "src/config.hpp"
#include "src/database_url.hpp"

#include <doctest/doctest.h>

#include <array>
#include <chrono>
#include <span>
#include <string>
#include <string_view>

using namespace std::chrono_literals;
using role::database_of;

TEST_CASE("of a database's URL only hosts, ports and the database are told, and never who logs in") {
    CHECK(database_of("postgresql://user:secret@db.example:5432/shares") == "db.example:5432/shares");
    CHECK(database_of("postgres://user@one:1,[::1]:2/shares?target_session_attrs=read-write") ==
          "one:1,[::1]:2/shares");
    CHECK(database_of("postgresql://db.example/shares?user=u&password=secret") == "db.example/shares");
    CHECK(database_of("postgresql:///shares?host=/run/postgresql&password=a/b@c") == "/shares");
    CHECK(database_of("postgresql://user:s%40cret@db.example/shares") == "db.example/shares");
}

TEST_CASE("a URL of which it is unclear where its password ends is none, and neither is anything else") {
    for (const std::string_view wrong :
         {"postgresql://user:sec@ret@db.example/shares", "postgresql://user:sec/ret@db.example/shares",
          "postgresql://user:sec?ret@db.example/shares", "postgresql://db.example?password=sec@ret",
          "postgresql://user:sec ret@db.example/shares", "postgresql://db.example/shares\n",
          "mysql://db.example/shares", "host=db.example password=secret", "postgresql:", "", "://"}) {
        CAPTURE(wrong);
        CHECK_FALSE(database_of(wrong).has_value());
    }
}

TEST_CASE("of a backend that the program was built without it is told at the start, and when it is asked for, how to "
          "get it") {
    const std::array<storage::Backend, 3> backends{
        {{.name = "memory", .missing = ""},
         {.name = "flint", .missing = "install libflint-dev and configure with -Dflint=enabled"},
         {.name = "sqlite", .missing = ""}}};
    CHECK(role::in_words(backends) == "backends built: memory, sqlite; left out: flint (install libflint-dev and "
                                      "configure with -Dflint=enabled)");
    CHECK(role::in_words(std::span{backends}.first(1)) == "backends built: memory");
    CHECK(role::check_built(backends[0]).has_value());
    CHECK(role::check_built(backends[1]).error() ==
          "storage.backend is flint, and this program was built without it: install libflint-dev and configure with "
          "-Dflint=enabled");
}

TEST_CASE("each reason for waiting is told when it is new, and once a minute") {
    role::WaitLog waits;
    const role::WaitLog::Clock::time_point start{};
    CHECK(waits.is_due("refused", start));
    CHECK_FALSE(waits.is_due("refused", start + 1s));
    CHECK(waits.is_due("another role is active", start + 2s));
    CHECK_FALSE(waits.is_due("refused", start + 59s));
    CHECK(waits.is_due("refused", start + 60s));
    CHECK_FALSE(waits.is_due("another role is active", start + 61s));
    CHECK(waits.is_due("another role is active", start + 62s));
    CHECK_FALSE(waits.is_due("refused", start + 119s));
}
