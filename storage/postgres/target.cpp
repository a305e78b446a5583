#include "storage/postgres/target.hpp"

#include <libpq-fe.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <memory>
#include <utility>

namespace storage::postgres {

namespace {

using Setting = std::pair<std::string_view, std::string_view>;

// Seconds, but milliseconds for tcp_user_timeout.
constexpr std::array defaults{
    Setting{"target_session_attrs", "read-write"},
    Setting{"application_name", "storage-sv2"},
    Setting{"keepalives_idle", "5"},
    Setting{"keepalives_interval", "1"},
    Setting{"keepalives_count", "3"},
    Setting{"tcp_user_timeout", "5000"},
    Setting{"client_encoding", "UTF8"},
};

// What a server says that must be changed there, or in the url: authorization, a database that is not there, rights.
bool is_final(std::string_view state) {
    return state.starts_with("28") || state == "3D000" || state == "42501";
}

bool is_state(std::string_view text) {
    return std::ranges::all_of(text, [](unsigned char c) { return std::isupper(c) != 0 || std::isdigit(c) != 0; });
}

// Where in the line "...FATAL:  28P01: password..." the state stands; npos in lines without.
std::size_t state_in(std::string_view line) {
    constexpr std::size_t length = 5;
    for (auto at = line.find(":  "); at != std::string_view::npos; at = line.find(":  ", at + 1)) {
        const std::size_t begin = at + 3;
        if (line.size() > begin + length + 1 && line.substr(begin + length, 2) == ": " &&
            is_state(line.substr(begin, length)))
            return begin;
    }
    return std::string_view::npos;
}

template <class Each> void for_each_line(std::string_view text, Each each) {
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        each(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

} // namespace

Result<Target> parse(const std::string& url) {
    struct Free {
        void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
    };
    const auto refused = [](std::string_view why) {
        return std::unexpected(StorageError{.kind = StorageError::Kind::unusable, .detail = std::string{why}});
    };
    if (url.empty()) return refused("no database_url says where the PostgreSQL server is");
    // What libpq says of an url that it cannot read may hold the password.
    const std::unique_ptr<PQconninfoOption, Free> options{PQconninfoParse(url.c_str(), nullptr)};
    if (!options)
        return refused("database_url cannot be read; it should look like postgresql://user@host:5432/database");

    Target target;
    std::string host;
    std::string database;
    for (const PQconninfoOption* option = options.get(); option->keyword != nullptr; ++option) {
        if (option->val == nullptr) continue;
        const std::string_view keyword = option->keyword;
        if (keyword == "host" || (keyword == "hostaddr" && host.empty())) host = option->val;
        if (keyword == "dbname") database = option->val;
        target.keywords.emplace_back(keyword);
        target.values.emplace_back(option->val);
    }
    for (const auto& [keyword, value] : defaults) {
        if (std::ranges::find(target.keywords, keyword) != target.keywords.end()) continue;
        target.keywords.emplace_back(keyword);
        target.values.emplace_back(value);
    }
    target.name = "PostgreSQL at ";
    target.name.append(host.empty() ? "this machine" : host);
    if (!database.empty()) target.name.append(", database ").append(database);
    return target;
}

bool is_refusal(std::string_view message) {
    bool is_one = false;
    bool is_other = false;
    for_each_line(message, [&](std::string_view line) {
        if (const auto state = state_in(line); state != std::string_view::npos)
            (is_final(line.substr(state, 5)) ? is_one : is_other) = true;
        else if (line.starts_with("connection to server"))
            is_other = true; // it was not there
    });
    return is_one && !is_other;
}

std::string in_words(std::string_view message) {
    std::string words;
    for_each_line(message, [&](std::string_view line) {
        if (line.starts_with("LOCATION:") || line.starts_with("\t") || line.empty()) return;
        words.append(words.empty() ? "" : "; ");
        const auto state = state_in(line);
        words.append(line.substr(0, std::min(state, line.size())));
        if (state != std::string_view::npos) words.append(line.substr(state + 7));
    });
    return words;
}

} // namespace storage::postgres
