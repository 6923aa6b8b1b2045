#include "proxy/accounts/credential_cache.h"

#include <gtest/gtest.h>

#include <string>

namespace causeway::proxy {
namespace {

using protocol::Credentials;
using protocol::SecretBytes;

Credentials only_sha1(char fill) {
  Credentials credentials;
  credentials.sha1 = SecretBytes(std::string(20, fill));
  return credentials;
}

TEST(CredentialCache, GivesBackWhatWasPut) {
  CredentialCache cache;
  cache.put("app", "%", "*A", Credentials::from_password("secret"));
  const auto found = cache.find("app", "%", "*A");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->clear_password.text(), "secret");
  EXPECT_EQ(found->sha1.size(), 20u);
  EXPECT_EQ(found->sha256.size(), 32u);
  EXPECT_FALSE(cache.find("app", "localhost", "*A"));
  EXPECT_FALSE(cache.find("ap", "p%", "*A"));
}

TEST(CredentialCache, ForgetsWhenTheVerifierChanges) {
  CredentialCache cache;
  cache.put("app", "%", "*A", Credentials::from_password("secret"));
  EXPECT_FALSE(cache.find("app", "%", "*B"));
  EXPECT_FALSE(cache.find("app", "%", "*A"));
  EXPECT_EQ(cache.size(), 0u);
}

TEST(CredentialCache, KeepsWhatAFasterLoginDoesNotTell) {
  CredentialCache cache;
  cache.put("app", "%", "*A", Credentials::from_password("secret"));
  cache.put("app", "%", "*A", only_sha1('s'));
  auto found = cache.find("app", "%", "*A");
  ASSERT_TRUE(found);
  EXPECT_EQ(found->clear_password.text(), "secret");
  EXPECT_EQ(found->sha1.text(), std::string(20, 's'));

  cache.put("app", "%", "*B", only_sha1('t'));
  found = cache.find("app", "%", "*B");
  ASSERT_TRUE(found);
  EXPECT_TRUE(found->clear_password.empty()) << "of the old password";
}

TEST(CredentialCache, ForgetsTheLeastRecentlyUsedFirst) {
  CredentialCache cache(2);
  cache.put("a", "%", "*", only_sha1('a'));
  cache.put("b", "%", "*", only_sha1('b'));
  EXPECT_TRUE(cache.find("a", "%", "*"));
  cache.put("c", "%", "*", only_sha1('c'));
  EXPECT_EQ(cache.size(), 2u);
  EXPECT_FALSE(cache.find("b", "%", "*"));
  EXPECT_TRUE(cache.find("a", "%", "*"));
}

TEST(CredentialCache, KeepsNoPasswordLongerThanAnyServerTakes) {
  CredentialCache cache;
  cache.put("a", "%", "*", Credentials::from_password(std::string(256, 'x')));
  cache.put("b", "%", "*", Credentials::from_password(std::string(257, 'x')));
  EXPECT_EQ(cache.find("a", "%", "*")->clear_password.size(), 256u);
  EXPECT_TRUE(cache.find("b", "%", "*")->clear_password.empty());
  EXPECT_EQ(cache.find("b", "%", "*")->sha1.size(), 20u);
}

TEST(CredentialCache, ForgetsOnDemand) {
  CredentialCache cache;
  for (int i = 0; i < 500; ++i)
    cache.put("user" + std::to_string(i), "%", "*", only_sha1('x'));
  cache.forget("user7", "%");
  cache.forget("nobody", "%");
  EXPECT_EQ(cache.size(), 499u);
  cache.clear();
  EXPECT_EQ(cache.size(), 0u);
}

TEST(CredentialPages, ZeroesWhatIsGivenBack) {
  CredentialPages pages;
  CredentialSlot* slot = pages.take();
  slot->has_password = true;
  slot->password.fill(0x5a);
  pages.give_back(slot);
  EXPECT_EQ(slot->password[0], 0);
  EXPECT_EQ(pages.take(), slot);
  EXPECT_FALSE(slot->has_password);
}

}  // namespace
}  // namespace causeway::proxy
