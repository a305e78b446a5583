// Random sequences of operations, over alphabets so small that all that can collide does. A sequence is drawn as a plan
// of small numbers, which mean something only beside what was done before: so any part of a plan is a plan, and
// RapidCheck can cut one that fails down to what matters.
#include "tests/conformance/records.hpp"
#include "tests/conformance/scene.hpp"
#include "tests/conformance/text.hpp"

#include <algorithm>
#include <array>
#include <cstdlib>
#include <doctest/doctest.h>
#include <iostream>
#include <map>
#include <memory>
#include <rapidcheck.h>
#include <utility>
#include <variant>

namespace conformance {

namespace {

// At the beginning of an hour.
constexpr storage::Milliseconds morning = noon / hour * hour;
constexpr std::array arrivals{morning, morning + hour, morning + day, morning + 3 * day};
constexpr std::array bounds{morning,       morning + 1,       morning + hour + 1,
                            morning + day, morning + day + 1, morning + 3 * day + 1};
constexpr std::array timestamps{morning,
                                morning + 1,
                                morning - 1,
                                morning + hour / 2,
                                morning + hour - 1,
                                morning + hour,
                                morning + 2 * hour,
                                morning + 2 * hour + 1,
                                morning + day,
                                morning + day + hour / 2,
                                morning - 31 * day,
                                morning - 31 * day - 1,
                                storage::Milliseconds{0},
                                protocol::last_timestamp};
constexpr std::array<storage::Position, 5> intervals{4, 1, 2, 9, 100'000};
const std::array<std::string, 3> channels{"a", "b", "c"};
const std::array<std::string, 3> users{"", "ann", "ben"};

enum class What : std::uint8_t {
    share,
    rejected,
    block_share,
    block,
    block_status,
    report,
    deleted,
    batch,
    job,
    solution,
    extended,
    cut_short,
    too_late,
    control_character,
    any_byte,
};

struct RecordPlan {
    What what = What::share;
    unsigned channel = 0;
    unsigned hash = 0;
    unsigned time = 0;
    unsigned flavour = 0; // everything else
};
struct SubmissionPlan {
    unsigned stream = 0;
    bool is_fenced = false; // of the stream's oldest session
    unsigned numbers = 0;   // behind the last; or again from `back` before it on; or wrong
    unsigned back = 0;      // 0: the last
    unsigned conflicts = 0; // 1: the first that is sent again is another
    unsigned received = 0;
    std::vector<RecordPlan> records;
};

struct Attach {
    unsigned stream = 0;
    bool is_for_other_pool = false;
};
struct Commit {
    std::vector<SubmissionPlan> submissions;
};
struct Reopen {
    bool is_closed = false;
    unsigned interval = 0;
};
struct CleanUp {
    unsigned bound = 0;
    std::vector<SubmissionPlan> between; // steps
    unsigned reopens_after = 0;          // steps; 0: not
};
struct Ask {
    unsigned what = 0;
    bool is_of_other_pool = false;
    unsigned channel = 0;
    unsigned kind = 0;
    unsigned start = 0; // 0: none
    unsigned end = 0;
    unsigned limit = 0;
    unsigned bytes = 0;
};
using Operation = std::variant<Commit, Attach, Reopen, CleanUp, Ask>;
using Plan = std::vector<Operation>;

// 0 to count - 1, whatever the size that RapidCheck is at.
rc::Gen<unsigned> below(unsigned count) {
    return rc::gen::resize(rc::kNominalSize, rc::gen::inRange(0U, count));
}
// In so many of a hundred.
rc::Gen<bool> in_percent(unsigned share) {
    return rc::gen::map(below(100), [=](unsigned number) { return number >= 100 - share; });
}
template <class T> rc::Gen<std::vector<T>> up_to(int count, rc::Gen<T> gen) {
    return rc::gen::resize(count, rc::gen::container<std::vector<T>>(std::move(gen)));
}
template <class T> rc::Gen<Operation> operation(rc::Gen<T> gen) {
    return rc::gen::map(std::move(gen), [](T value) { return Operation{std::move(value)}; });
}

rc::Gen<RecordPlan> record_plan() {
    using enum What;
    return rc::gen::build<RecordPlan>(
        rc::gen::set(&RecordPlan::what, rc::gen::weightedElement<What>({{30, share},
                                                                        {7, rejected},
                                                                        {7, block_share},
                                                                        {7, block},
                                                                        {6, block_status},
                                                                        {8, report},
                                                                        {3, deleted},
                                                                        {5, batch},
                                                                        {3, job},
                                                                        {3, solution},
                                                                        {2, extended},
                                                                        {2, cut_short},
                                                                        {1, too_late},
                                                                        {1, control_character},
                                                                        {1, any_byte}})),
        rc::gen::set(&RecordPlan::channel, below(channels.size())), rc::gen::set(&RecordPlan::hash, below(10)),
        rc::gen::set(&RecordPlan::time, below(timestamps.size())), rc::gen::set(&RecordPlan::flavour, below(840)));
}

rc::Gen<SubmissionPlan> submission_plan() {
    return rc::gen::build<SubmissionPlan>(
        rc::gen::set(&SubmissionPlan::stream, below(4)), rc::gen::set(&SubmissionPlan::is_fenced, in_percent(6)),
        rc::gen::set(&SubmissionPlan::numbers, below(24)), rc::gen::set(&SubmissionPlan::back, below(6)),
        rc::gen::set(&SubmissionPlan::conflicts, below(10)),
        rc::gen::set(&SubmissionPlan::received, below(arrivals.size())),
        rc::gen::set(&SubmissionPlan::records, up_to(4, record_plan())));
}

rc::Gen<Plan> plan() {
    auto any_operation = rc::gen::weightedOneOf<Operation>(
        {{46, operation(rc::gen::build<Commit>(rc::gen::set(&Commit::submissions, up_to(3, submission_plan()))))},
         {8, operation(rc::gen::build<Attach>(rc::gen::set(&Attach::stream, below(4)),
                                              rc::gen::set(&Attach::is_for_other_pool, in_percent(5))))},
         {4, operation(rc::gen::build<Reopen>(rc::gen::set(&Reopen::is_closed, in_percent(50)),
                                              rc::gen::set(&Reopen::interval, below(intervals.size()))))},
         {9, operation(rc::gen::build<CleanUp>(rc::gen::set(&CleanUp::bound, below(bounds.size())),
                                               rc::gen::set(&CleanUp::between, up_to(4, submission_plan())),
                                               rc::gen::set(&CleanUp::reopens_after, below(20))))},
         {32, operation(rc::gen::build<Ask>(
                  rc::gen::set(&Ask::what, below(13)), rc::gen::set(&Ask::is_of_other_pool, in_percent(20)),
                  rc::gen::set(&Ask::channel, below(channels.size() + 1)), rc::gen::set(&Ask::kind, below(8)),
                  rc::gen::set(&Ask::start, below(2 * timestamps.size())),
                  rc::gen::set(&Ask::end, below(2 * timestamps.size())), rc::gen::set(&Ask::limit, below(6)),
                  rc::gen::set(&Ask::bytes, below(1000))))}});
    return rc::gen::container<Plan>(std::move(any_operation));
}

// Makes a plan come true.
class Sequence {
  public:
    // Its pools and identities are called by the number, as others may have been here before.
    Sequence(Scene& scene, std::uint64_t number) : scene_{scene}, number_{std::to_string(number)} {}

    // What was done so far.
    [[nodiscard]] const std::string& history() const { return history_; }

    void run(const Plan& plan) {
        for (const Operation& operation : plan) {
            std::visit([this](const auto& each) { run(each); }, operation);
        }
        note("compare everything");
        scene_.compare_answers({{.start = morning + 1, .end = {}}});
    }

  private:
    struct Session {
        storage::StreamName name;
        storage::Attachment attachment;
    };
    using Sent = std::map<storage::StreamName, std::vector<protocol::B0_16M>>;

    template <class... T> void note(const T&... what) {
        ((history_.append(text(what)).append(" ")), ...);
        history_.append("\n");
    }

    [[nodiscard]] std::string pool(bool is_other) const { return (is_other ? "q" : "p") + number_; }

    void run(const Attach& plan) {
        const storage::StreamName name{.identity = (plan.stream < 2 ? "alice" : "bob") + number_,
                                       .stream_id = 1 + plan.stream % 2};
        const bool is_other = plan.is_for_other_pool || plan.stream == 3;
        note("attach", name, is_other);
        sessions_.push_back({.name = name, .attachment = scene_.attach(name, pool(is_other))});
    }

    // Sessions end with the role.
    void run(const Reopen& plan) {
        note(plan.is_closed ? "close and open" : "open again", intervals.at(plan.interval));
        if (plan.is_closed) {
            scene_.reopen(intervals.at(plan.interval));
        } else {
            scene_.drop_and_reopen();
        }
        sessions_.clear();
        if (scene_.is_volatile()) list_ = {};
    }

    void run(const Commit& plan) {
        Sent sent;
        for (const auto& entry : scene_.model().log()) sent[entry.stream].push_back({entry.bytes});
        std::vector<storage::Submission> submissions;
        for (const auto& each : plan.submissions) {
            submissions.push_back(submit(session(each), each, sent));
            note("commit", text(submissions.back()));
        }
        scene_.commit(submissions);
    }

    // Nothing that was stored before may matter to what is stored in between.
    void run(const CleanUp& plan) {
        const auto bound = bounds.at(plan.bound);
        note("clean up", bound);
        for (std::size_t step = 1; scene_.clean_up_step(bound); ++step) {
            if (step == plan.reopens_after) {
                run(Reopen{.is_closed = plan.bound % 2 == 0, .interval = 0});
                if (scene_.is_volatile()) return;
            }
            if (step <= plan.between.size()) {
                SubmissionPlan each = plan.between[step - 1];
                each.numbers = 0;
                if (each.records.empty()) each.records.emplace_back();
                Sent sent;
                for (const auto& entry : scene_.model().log()) sent[entry.stream].push_back({entry.bytes});
                for (auto& record : each.records) record.hash = ++fresh_hash_;
                const auto submission = submit(session(each), each, sent);
                note("meanwhile", text(submission));
                scene_.commit(submission);
            }
            const storage::Range range{.start = morning + 1, .end = morning + hour / 2};
            scene_.compare_totals(pool(false), "", {});
            scene_.compare_totals(pool(false), "", range);
            scene_.compare_totals(pool(false), "a", range);
            scene_.compare_accounting(pool(false), "a");
            scene_.compare_hours(pool(false), protocol::Subject::channel, "a", {}, 100);
            scene_.compare_names(pool(false), 100);
        }
        note("it is done");
    }

    void run(const Ask& plan) {
        const std::string in = pool(plan.is_of_other_pool);
        const std::string channel_id = plan.channel < channels.size() ? channels.at(plan.channel) : "nobody's";
        const storage::Range range{.start = edge(plan.start), .end = edge(plan.end)};
        const storage::PageLimit limit{.items = plan.limit, .bytes = plan.bytes};
        const std::size_t names = 1 + plan.limit;
        note("ask", plan.what, in, channel_id, range, limit.items, limit.bytes);
        switch (plan.what) {
        case 0: return scene_.compare_totals(in, "", range);
        case 1: return scene_.compare_totals(in, channel_id, range);
        case 2: return scene_.compare_hours(in, protocol::Subject::channel, channel_id, range, names);
        case 3: return scene_.compare_hours(in, protocol::Subject::user, users.at(1 + plan.kind % 2), range, names);
        case 4: return scene_.compare_accounting(in, channel_id);
        case 5: return scene_.compare_names(in, names);
        case 6: return scene_.compare_seen(in, plan.kind < 4 ? channel_id : "");
        case 7:
            list_ = storage::BlockQuery{
                .pool = in, .channel_id = plan.kind < 4 ? channel_id : "", .range = range, .after = {}, .limit = limit};
            break;
        case 8: list_ = records_query(plan.kind, in, channel_id, range, limit); break;
        default: break;
        }
        // The next page of the list that was asked for last, whatever happened since.
        if (auto* const records = std::get_if<storage::RecordQuery>(&list_)) {
            if (!scene_.compare_page(*records)) list_ = {};
        } else if (auto* const blocks = std::get_if<storage::BlockQuery>(&list_)) {
            if (!scene_.compare_page(*blocks)) list_ = {};
        }
    }

    static storage::RecordQuery records_query(unsigned number, const std::string& in, const std::string& channel_id,
                                              const storage::Range& range, const storage::PageLimit& limit) {
        const auto kind = static_cast<protocol::RecordKind>(1 + number);
        using enum protocol::RecordKind;
        const bool has_channel = kind != block_status && kind != declared_job && kind != solution;
        return {.pool = in,
                .kind = kind,
                .channel_id = has_channel ? channel_id : "",
                .range = range,
                .after = {},
                .limit = limit};
    }

    // A time that records have, or the end or beginning of one's hour.
    static std::optional<storage::Milliseconds> edge(unsigned number) {
        if (number == 0) return std::nullopt;
        const auto time = timestamps.at(number % timestamps.size());
        return number < timestamps.size() ? time : time / hour * hour + (number % 2 == 0 ? hour - 1 : 0);
    }

    // The newest of the stream, or its oldest.
    Session session(const SubmissionPlan& plan) {
        const storage::StreamName name{.identity = (plan.stream < 2 ? "alice" : "bob") + number_,
                                       .stream_id = 1 + plan.stream % 2};
        const auto is_of_stream = [&](const Session& each) { return each.name == name; };
        const auto oldest = std::ranges::find_if(sessions_, is_of_stream);
        if (oldest == sessions_.end()) {
            run(Attach{.stream = plan.stream, .is_for_other_pool = false});
            return sessions_.back();
        }
        if (plan.is_fenced) return *oldest;
        return *std::ranges::find_if(sessions_.rbegin(), sessions_.rend(), is_of_stream);
    }

    // `sent` is what its stream holds; what is sent now is put behind it.
    storage::Submission submit(const Session& session, const SubmissionPlan& plan, Sent& sent) {
        auto& before = sent[session.name];
        std::vector<protocol::B0_16M> records;
        std::uint64_t first = before.size() + 1;
        if (plan.numbers == 23) {
            first = std::array{std::uint64_t{0}, first + 1, ~std::uint64_t{0}}.at(plan.back % 3);
        } else if (plan.numbers > 16) {
            first -= std::min<std::uint64_t>(plan.back + 1, before.size());
            records.assign(before.begin() + static_cast<std::ptrdiff_t>(first - 1), before.end());
            if (!records.empty() && plan.conflicts == 1) records.front() = sent_as_planned(plan, 0);
            if (!records.empty() && plan.conflicts == 2) records.resize(1);
        }
        if (records.empty() || first - 1 + records.size() == before.size()) {
            for (std::size_t i = 0; i < plan.records.size(); ++i) records.push_back(sent_as_planned(plan, i));
        }
        if (records.empty()) records.push_back(sent_as_planned(plan, 0));
        for (auto number = before.size() + 1; first > 0 && number >= first && number < first + records.size();
             ++number) {
            before.push_back(records[number - first]);
        }
        return submission(session.attachment, first, std::move(records), arrivals.at(plan.received));
    }

    protocol::B0_16M sent_as_planned(const SubmissionPlan& plan, std::size_t place) {
        return record(place < plan.records.size() ? plan.records[place] : RecordPlan{}, pool(plan.stream == 3));
    }

    protocol::B0_16M record(const RecordPlan& plan, const std::string& in) const {
        const auto& channel_id = channels.at(plan.channel);
        const auto timestamp = timestamps.at(plan.time);
        const auto number = static_cast<std::uint8_t>(plan.flavour);
        protocol::Share share = numbered(conformance::share(channel_id, plan.hash, timestamp), plan.flavour);
        share.share_work = std::array{std::uint64_t{1}, std::uint64_t{0}, ~std::uint64_t{0}}.at(plan.flavour % 3);
        share.difficulty = std::bit_cast<std::uint64_t>(static_cast<double>(plan.flavour % 8) / 2);
        share.target = std::array{protocol::U256{}, protocol::U256{}, u256(4), power_of_2(200), power_of_2(130)}.at(
            plan.flavour % 5);
        share.user_identity.text = users.at(plan.flavour / 7 % 3);
        switch (plan.what) {
        case What::share: return sent(share);
        case What::rejected: return sent(rejected(share));
        case What::block_share: return sent(with_block(share));
        case What::block: return sent(block(channel_id, plan.hash, timestamp));
        case What::block_status:
            return sent(block_status(plan.hash, static_cast<protocol::BlockState>(1 + plan.flavour % 3), timestamp));
        case What::report: { // that is right, or nearly
            auto report = conformance::report(
                channel_id, scene_.model().totals(in, protocol::Subject::channel, channel_id, {}), timestamp);
            report.shares_accepted += plan.flavour % 2;
            return sent(report);
        }
        case What::deleted: return sent(accounting_deleted(channel_id, timestamp));
        case What::batch: return sent(batch_acknowledgment(channel_id, timestamp));
        case What::job: return sent(declared_job(number, timestamp));
        case What::solution: return sent(solution(number, plan.hash, timestamp));
        case What::extended: return sent(share, protocol::Bytes{1, 2, 3});
        case What::cut_short: return sent(cut_short(share));
        case What::too_late: share.timestamp = protocol::last_timestamp + 1; return sent(share);
        case What::control_character: share.label.text = "\x7f"; return sent(share);
        case What::any_byte: return sent(protocol::Bytes{number});
        }
        return {};
    }

    Scene& scene_;
    std::string number_;
    std::vector<Session> sessions_; // since the store was opened
    std::variant<std::monostate, storage::RecordQuery, storage::BlockQuery> list_;
    std::uint64_t fresh_hash_ = 1000;
    std::string history_;
};

// One store for many sequences, as making a file takes longer than most of them do.
class Sequences {
  public:
    void run(const Plan& plan) {
        constexpr std::uint64_t in_one_store = 16;
        if (!scene_ || number_ % in_one_store == 0) {
            scene_ = std::make_unique<Scene>();
        } else {
            scene_->begin_anew();
        }
        Sequence sequence{*scene_, ++number_};
        try {
            sequence.run(plan);
        } catch (const std::exception& error) {
            scene_.reset(); // who knows what it is worth
            throw std::runtime_error{std::string{error.what()} + "\n\nWhat was done:\n" + sequence.history()};
        }
    }

  private:
    std::unique_ptr<Scene> scene_;
    std::uint64_t number_ = 0;
};

// What fails is shown as it was done, which says more than how it was drawn.
void showValue(const Operation& operation, std::ostream& out) {
    out << std::array{"commit", "attach", "reopen", "clean up", "ask"}.at(operation.index());
}

} // namespace

TEST_CASE("Whatever is done, in whatever order, the store says what the model says") {
    auto params = rc::detail::configuration().testParams; // of RC_PARAMS, with a seed
    if (const char* const count = std::getenv("CONFORMANCE_SEQUENCES")) params.maxSuccess = std::stoi(count);
    params.maxSize = 40; // operations
    Sequences sequences;
    const rc::detail::TestMetadata metadata{.id = "sequences", .description = "sequences"};
    const auto result = rc::detail::checkTestable([&] { sequences.run(*plan()); }, metadata, params);
    rc::detail::SuccessResult success;
    const bool holds = result.match(success);
    std::cout << "# " << (holds ? success.numSuccess : 0) << " sequences; RC_PARAMS=seed=" << params.seed << '\n';
    std::ostringstream out;
    rc::detail::printResultMessage(result, out);
    INFO(out.str());
    CHECK(holds);
}

} // namespace conformance
