#include "protocol/server_flavor.h"

#include <gtest/gtest.h>

namespace causeway::protocol {
namespace {

TEST(ServerFlavor, IsTakenFromTheVersionText) {
  EXPECT_EQ(flavor_of("10.11.19-MariaDB-0+deb12u1-log"), ServerFlavor::kMariadb);
  EXPECT_EQ(flavor_of("11.4.2-mariadb"), ServerFlavor::kMariadb);
  EXPECT_EQ(flavor_of("9.7.4-2"), ServerFlavor::kMysql);
  EXPECT_EQ(flavor_of(""), ServerFlavor::kMysql);
}

}  // namespace
}  // namespace causeway::protocol
