// Whether a node lets the monitor in, by what became of its polls. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace causeway::proxy {

class MonitorAccess {
 public:
  using Time = std::chrono::steady_clock::time_point;

  // How often it is said of a node that it stays shut out.
  static constexpr std::chrono::seconds kSayAgain{60};

  // A poll has been answered.
  void let_in() { *this = MonitorAccess(); }

  // A poll that was begun then was refused, because of who the monitor is (is_about_account()). Who was in
  // service stays so, as it was known last; else nobody knows what it is.
  void refused(Time begun, bool was_in_service) {
    last_ = was_in_service ? Last::kShutOut : Last::kRefused;
    refused_at_ = begun;
    if (!was_in_service) said_at_.reset();
  }

  // A poll has failed for another reason, of the node or the way to it. What is known of it is as old as it
  // was.
  void failed() {
    last_ = Last::kNeither;
    said_at_.reset();
  }

  // The last poll was refused.
  bool refuses() const { return last_ != Last::kNeither; }

  // ... and the node is in service all the same.
  bool is_shut_out() const { return last_ == Last::kShutOut; }

  // When the last poll that was refused had been begun, if none was answered since: what is known of the node
  // is older.
  std::optional<Time> refused_at() const { return refused_at_; }

  // Whether it is time to say that it is shut out, which is then taken for said.
  bool is_to_be_said(Time now) {
    if (!is_shut_out() || (said_at_ && now - *said_at_ < kSayAgain)) return false;
    said_at_ = now;
    return true;
  }

 private:
  enum class Last : uint8_t { kNeither, kRefused, kShutOut };
  Last last_ = Last::kNeither;
  std::optional<Time> refused_at_;
  std::optional<Time> said_at_;
};

}  // namespace causeway::proxy
