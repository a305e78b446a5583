// Ends a call that waits, from any other thread.
#pragma once

#include <mutex>

namespace storage::postgres {

class Alarm {
  public:
    Alarm();
    ~Alarm();
    Alarm(const Alarm&) = delete;
    Alarm& operator=(const Alarm&) = delete;
    Alarm(Alarm&&) = delete;
    Alarm& operator=(Alarm&&) = delete;

    // While it lives, ring() is heard; what rang before is forgotten.
    class Call {
      public:
        explicit Call(Alarm& alarm) : alarm_{alarm} { alarm_.begin(); }
        ~Call() { alarm_.end(); }
        Call(const Call&) = delete;
        Call& operator=(const Call&) = delete;
        Call(Call&&) = delete;
        Call& operator=(Call&&) = delete;

      private:
        Alarm& alarm_;
    };

    // From any thread.
    void ring();

    // Readable once it has rung.
    [[nodiscard]] int descriptor() const { return descriptor_; }

  private:
    void begin();
    void end();

    int descriptor_;
    std::mutex mutex_;
    bool is_in_call_ = false;
};

} // namespace storage::postgres
