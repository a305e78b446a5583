// The one translation unit that compiles doctest, and the main() of every suite: runs the cases and reports them in
// the Test Anything Protocol, so that Meson and scripts/tally count cases rather than programs.

#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <iostream>
#include <mutex>
#include <sstream>
#include <string>

namespace {

class TapReporter final : public doctest::IReporter {
  public:
    explicit TapReporter(const doctest::ContextOptions& options) : out_{*options.cout} {}

    void report_query(const doctest::QueryData&) override {}
    void test_run_start() override {}
    void test_run_end(const doctest::TestRunStats&) override { out_ << "1.." << number_ << std::endl; }
    void test_case_start(const doctest::TestCaseData& test_case) override { test_case_ = &test_case; }
    void test_case_reenter(const doctest::TestCaseData&) override {}
    void test_case_end(const doctest::CurrentTestCaseStats& stats) override {
        std::string name = test_case_->m_name;
        if (auto start = name.find_first_not_of(' '); start != std::string::npos) name.erase(0, start);
        for (char& c : name)
            if (c == '#' || c == '\n') c = ' ';
        out_ << (stats.testCaseSuccess ? "ok " : "not ok ") << ++number_ << " - " << name << std::endl;
    }
    void test_case_exception(const doctest::TestCaseException& exception) override {
        diagnose(std::string{"exception: "} + exception.error_string.c_str());
    }
    void subcase_start(const doctest::SubcaseSignature& subcase) override {
        subcases_.emplace_back(subcase.m_name.c_str());
    }
    void subcase_end() override { subcases_.pop_back(); }
    void log_assert(const doctest::AssertData& data) override {
        if (!data.m_failed) return;
        std::ostringstream text;
        text << data.m_file << ":" << data.m_line << ": " << doctest::assertString(data.m_at) << "( " << data.m_expr
             << " ) is " << data.m_decomp.c_str() << data.m_exception.c_str();
        for (const auto& subcase : subcases_) text << "\nin: " << subcase;
        if (int count = get_num_active_contexts(); count > 0) {
            const auto* contexts = get_active_contexts();
            for (int i = 0; i < count; ++i) {
                text << "\nwith: ";
                contexts[i]->stringify(&text);
            }
        }
        diagnose(text.str());
    }
    void log_message(const doctest::MessageData& message) override { diagnose(message.m_string.c_str()); }
    void test_case_skipped(const doctest::TestCaseData&) override {}

  private:
    void diagnose(const std::string& text) { // asserts may come from several threads
        const std::lock_guard lock{mutex_};
        std::istringstream lines{text};
        for (std::string line; std::getline(lines, line);) out_ << "# " << line << '\n';
        out_.flush();
    }

    std::ostream& out_;
    std::mutex mutex_;
    const doctest::TestCaseData* test_case_ = nullptr;
    std::vector<std::string> subcases_;
    int number_ = 0;
};

} // namespace

DOCTEST_REGISTER_REPORTER("tap", 1, TapReporter);

int main(int argc, char** argv) {
    doctest::Context context;
    context.setOption("reporters", "tap");
    context.applyCommandLine(argc, argv);
    return context.run();
}
