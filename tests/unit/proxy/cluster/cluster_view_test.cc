#include "proxy/cluster/cluster_view.h"

#include <gtest/gtest.h>

#include <thread>
#include <utility>

namespace causeway::proxy {
namespace {

std::shared_ptr<ClusterView> view_of(uint64_t version, NodeRole role) {
  auto view = std::make_shared<ClusterView>();
  view->version = version;
  view->nodes.resize(1);
  view->nodes[0].role = role;
  return view;
}

TEST(ClusterState, HasAnEmptyViewFirst) {
  const ClusterState state;
  EXPECT_EQ(state.version(), 0u);
  EXPECT_TRUE(state.current()->nodes.empty());
  EXPECT_EQ(state.current()->writer_node(), nullptr);
}

TEST(ClusterReader, ReloadsWhenThereIsANewView) {
  ClusterState state;
  ClusterReader reader(state);
  const ClusterView* first = &reader.view();
  EXPECT_EQ(first->version, 0u);
  EXPECT_EQ(&reader.view(), first);
  const auto pinned = reader.pin();
  state.publish(view_of(1, NodeRole::kWriter));
  EXPECT_EQ(reader.view().version, 1u);
  EXPECT_EQ(pinned->version, 0u);
}

TEST(ClusterReader, SeesRisingVersionsWhileAnotherThreadPublishes) {
  ClusterState state;
  constexpr uint64_t kLast = 2000;
  std::thread publisher([&] {
    for (uint64_t version = 1; version <= kLast; ++version)
      state.publish(view_of(version, version % 2 == 0 ? NodeRole::kWriter : NodeRole::kReplica));
  });
  ClusterReader reader(state);
  uint64_t seen = 0;
  while (seen < kLast) {
    const ClusterView& view = reader.view();
    ASSERT_GE(view.version, seen);
    if (view.version > 0) {
      ASSERT_EQ(view.nodes.size(), 1u);
      ASSERT_EQ(view.nodes[0].role, view.version % 2 == 0 ? NodeRole::kWriter : NodeRole::kReplica);
    }
    seen = view.version;
  }
  publisher.join();
}

}  // namespace
}  // namespace causeway::proxy
