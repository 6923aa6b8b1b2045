#include "proxy/accounts/credential_pages.h"

#include <sys/mman.h>

#include <new>
#include <span>

#include "protocol/secret.h"

namespace causeway::proxy {

CredentialPages::~CredentialPages() {
  for (void* chunk : chunks_) {
    protocol::cleanse({static_cast<uint8_t*>(chunk), kChunkBytes});
    ::munmap(chunk, kChunkBytes);
  }
}

CredentialSlot* CredentialPages::take() {
  if (free_.empty()) grow();
  CredentialSlot* slot = free_.back();
  free_.pop_back();
  return new (slot) CredentialSlot();
}

void CredentialPages::give_back(CredentialSlot* slot) {
  protocol::cleanse({reinterpret_cast<uint8_t*>(slot), sizeof(CredentialSlot)});
  free_.push_back(slot);  // has room for all slots: see grow()
}

void CredentialPages::grow() {
  constexpr size_t kSlots = kChunkBytes / sizeof(CredentialSlot);
  free_.reserve((chunks_.size() + 1) * kSlots);
  chunks_.reserve(chunks_.size() + 1);
  void* chunk = ::mmap(nullptr, kChunkBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (chunk == MAP_FAILED) throw std::bad_alloc();
  ::madvise(chunk, kChunkBytes, MADV_DONTDUMP);
  chunks_.push_back(chunk);
  auto* slots = static_cast<CredentialSlot*>(chunk);
  for (size_t i = 0; i < kSlots; ++i)
    free_.push_back(slots + i);
}

}  // namespace causeway::proxy
