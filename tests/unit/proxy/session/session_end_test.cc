#include "proxy/session/session_end.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace causeway::proxy {
namespace {

TEST(SessionEnd, TheFirstWordOnItCounts) {
  SessionEnd end;
  EXPECT_EQ(end.reason(), EndReason::kNone);
  end.because(EndReason::kKilled);
  end.because(EndReason::kClientGone);
  EXPECT_EQ(end.reason(), EndReason::kKilled);
}

TEST(SessionEnd, EveryReasonHasWordsOfItsOwn) {
  std::set<std::string_view> texts;
  size_t reasons = 0;
  for (auto reason = EndReason::kNone; reason <= EndReason::kMalformedPackets;
       reason = static_cast<EndReason>(static_cast<int>(reason) + 1)) {
    texts.insert(to_string(reason));
    ++reasons;
  }
  EXPECT_EQ(texts.size(), reasons);
  EXPECT_EQ(texts.count(""), 0U);
}

TEST(SessionEnd, WhatAnyoneCanHaveAtWillIsNotToldByDefault) {
  for (const EndReason reason :
       {EndReason::kQuit, EndReason::kClientGone, EndReason::kIdle, EndReason::kHandshake,
        EndReason::kAccessDenied, EndReason::kLoginTimeout, EndReason::kTlsFailed})
    EXPECT_TRUE(is_ordinary(reason)) << to_string(reason);
  for (const EndReason reason : {EndReason::kKilled, EndReason::kStateLost, EndReason::kPacketTooLarge})
    EXPECT_FALSE(is_ordinary(reason)) << to_string(reason);
}

}  // namespace
}  // namespace causeway::proxy
